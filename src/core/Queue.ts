/**
 * A persistent first-in-first-out queue of numbers.
 *
 * It stands in chunks: one that is being emptied, one that is being filled, and between them a queue of full
 * chunks, which is a queue like this one. So a million numbers are four levels deep, and nearly every
 * operation touches only the outermost: adding copies a chunk that is not yet full, taking moves an index.
 * A number costs little more than its eight bytes.
 *
 * Source of the shape: Chris Okasaki, "Purely Functional Data Structures", 1998, section 10.1.3 (bootstrapped
 * queues), with chunks for its lists.
 */

export interface Queue<A = number> {
  readonly size: number
  /** Emptied from `at` on. */
  readonly front: ReadonlyArray<A>
  readonly at: number
  /** Full chunks. */
  readonly middle: Queue<ReadonlyArray<A>> | undefined
  /** Being filled; shorter than a chunk. */
  readonly rear: ReadonlyArray<A>
}

const CHUNK = 32

const none: ReadonlyArray<never> = []

export const empty: Queue<never> = { size: 0, front: none, at: 0, middle: undefined, rear: none }

/** As long as it has to be: a spread would leave spare room in every chunk. */
const appended = <A>(chunk: ReadonlyArray<A>, item: A): ReadonlyArray<A> => {
  // oxlint-disable-next-line unicorn/no-new-array
  const next = new Array<A>(chunk.length + 1)
  for (let at = 0; at < chunk.length; at++) next[at] = chunk[at] as A
  next[chunk.length] = item
  return next
}

export const push = <A>(self: Queue<A>, item: A): Queue<A> => {
  const size = self.size + 1
  const { at, front, middle } = self
  const rear = appended(self.rear, item)
  if (rear.length < CHUNK) return { size, front, at, middle, rear }
  return { size, front, at, middle: push<ReadonlyArray<A>>(middle ?? empty, rear), rear: none }
}

/** The oldest. The queue is not empty. */
export const peek = <A>(self: Queue<A>): A => {
  if (self.at < self.front.length) return self.front[self.at] as A
  if (self.middle !== undefined && self.middle.size > 0) return peek(self.middle)[0] as A
  return self.rear[0] as A
}

/** All but the oldest. */
export const drop = <A>(self: Queue<A>): Queue<A> => {
  if (self.size < 2) return empty
  const size = self.size - 1
  const { at, front, middle, rear } = self
  if (at < front.length) return { size, front, at: at + 1, middle, rear }
  if (middle !== undefined && middle.size > 0) {
    return { size, front: peek(middle), at: 1, middle: drop(middle), rear }
  }
  return { size, front: rear, at: 1, middle: undefined, rear: none }
}

/** All, oldest first. */
export const values = function* <A>(self: Queue<A>): Generator<A> {
  for (let at = self.at; at < self.front.length; at++) yield self.front[at] as A
  if (self.middle !== undefined) for (const chunk of values(self.middle)) yield* chunk
  yield* self.rear
}
