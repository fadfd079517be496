/**
 * A persistent first-in-first-out queue of keys from which any place can be given up.
 *
 * Places are numbered as they are taken, so the queue is a map from place to key and the range of numbers
 * in use. Giving up a place leaves a gap that the head steps over once: every operation is O(log n), the
 * step over gaps is paid for by the removals that made them, and the queue never holds a key that left.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Key } from "./Entry.ts"

export interface Queue {
  readonly keys: HashMap.HashMap<number, Key>
  /** No place before this one is in use. */
  readonly head: number
  /** The place that the next key takes. */
  readonly tail: number
}

export const empty: Queue = { keys: HashMap.empty(), head: 0, tail: 0 }

export const size = (self: Queue): number => HashMap.size(self.keys)

/** The key takes place `self.tail`. */
export const push = (self: Queue, key: Key): Queue => ({
  keys: HashMap.set(self.keys, self.tail, key),
  head: self.head,
  tail: self.tail + 1,
})

/** Gives up a place; one that is not in use is left as it is. */
export const remove = (self: Queue, place: number): Queue => {
  if (!HashMap.has(self.keys, place)) return self
  const keys = HashMap.remove(self.keys, place)
  // The last one out leaves no gap to step over.
  return { keys, head: HashMap.isEmpty(keys) ? self.tail : self.head, tail: self.tail }
}

/** The oldest key and the queue without it. */
export const pop = (self: Queue): Option.Option<readonly [key: Key, next: Queue]> => {
  for (let place = self.head; place < self.tail; place++) {
    const key = HashMap.get(self.keys, place)
    if (Option.isSome(key)) {
      return Option.some([
        key.value,
        { keys: HashMap.remove(self.keys, place), head: place + 1, tail: self.tail },
      ])
    }
  }
  return Option.none()
}
