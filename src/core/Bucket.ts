/**
 * Those keys whose hashes begin alike: a flat array, looked through from the front.
 *
 *     [due, word, entry, word, entry, …, ghost, ghost, …]
 *
 * - `due`: nobody in it dies before this tick.
 * - A *word* is 32 bits: the lower 20 bits of the key's hash (the upper ones led here), which queue the key
 *   stands in, and how often it was used. So a look at the words tells nearly all strangers apart
 *   without touching their entries, and a use changes one number.
 * - A *place* without an entry is one that its key has left: the key was invalidated or has expired, but its
 *   number still stands in a queue. It is given up when its turn comes there, or taken again by its key.
 * - A *ghost* is a word alone: the key was evicted not long ago. Oldest first.
 *
 * Every function returns a new array; what was published stays.
 */
// An array that is made as long as it will be has no spare room, of which there would be much in all buckets.
// oxlint-disable unicorn/no-new-array
import type { Entry, Key } from "./Entry.ts"

export type Bucket = ReadonlyArray<number | Entry | undefined>

/** Where a word belongs. The first two are queues. */
export const SMALL = 0
export const MAIN = 1
export const GHOST = 2
const WHERE = 3

const USES_SHIFT = 2

const HASH_SHIFT = 12
const HASH = -1 << HASH_SHIFT

/** A key that finds this many places in its bucket is not taken in: hashes that collide by chance never get so far. */
export const MAX_PLACES = 64

/** A tick that never comes. */
export const NEVER = 0x7fffffff

const TICK_MILLIS = 1_000

/** The second in which a deadline (monotonic milliseconds) falls. */
export const tickOf = (millis: number): number => Math.min(Math.floor(millis / TICK_MILLIS), NEVER)

/** Made with its length, as all others are, and for values of any kind: so a lookup meets one kind of array only. */
export const empty: Bucket = new Array<number | undefined>(1).fill(undefined).fill(NEVER)

const FIRST = 1

/** `uses` has room up to 1,023. */
export const wordOf = (hash: number, where: number, uses: number): number =>
  (hash << HASH_SHIFT) | (uses << USES_SHIFT) | where

/** The queue in which a place stands. */
export const whereOf = (word: number): typeof SMALL | typeof MAIN => ((word & WHERE) === SMALL ? SMALL : MAIN)

export const usesOf = (word: number): number => (word & ~HASH) >> USES_SHIFT

export const dueOf = (self: Bucket): number => self[0] as number

export const wordAt = (self: Bucket, at: number): number => self[at] as number

export const entryAt = (self: Bucket, at: number): Entry | undefined => self[at + 1] as Entry | undefined

const isGhost = (word: number): boolean => (word & WHERE) === GHOST

/** Where the key's word is; -1 when the key is not resident. */
export const find = (self: Bucket, hash: number, key: Key): number => {
  const wanted = hash << HASH_SHIFT
  for (let at = FIRST; at < self.length; at += 2) {
    const word = self[at] as number
    if (isGhost(word)) return -1
    if ((word & HASH) === wanted && (self[at + 1] as Entry | undefined)?.key === key) return at
  }
  return -1
}

/** Where a place is that the hash has left; -1 when there is none. */
export const findLeft = (self: Bucket, hash: number): number => {
  const wanted = hash << HASH_SHIFT
  for (let at = FIRST; at < self.length; at += 2) {
    const word = self[at] as number
    if (isGhost(word)) return -1
    if ((word & HASH) === wanted && self[at + 1] === undefined) return at
  }
  return -1
}

/** Where the place is that a hash has in a queue. */
export const findPlace = (self: Bucket, hash: number, where: number): number => {
  const wanted = (hash << HASH_SHIFT) | where
  for (let at = FIRST; at < self.length; at += 2) {
    const word = self[at] as number
    if (isGhost(word)) return -1
    if ((word & (HASH | WHERE)) === wanted) return at
  }
  return -1
}

export const entries = function* (self: Bucket): Generator<Entry> {
  for (let at = FIRST; at < self.length && !isGhost(self[at] as number); at += 2) {
    const entry = entryAt(self, at)
    if (entry !== undefined) yield entry
  }
}

/** Where the ghosts begin. */
const endOfPlaces = (self: Bucket): number => {
  let at = FIRST
  while (at < self.length && !isGhost(self[at] as number)) at += 2
  return at
}

/** Where the ghost of a hash is; -1 when it has none. Words tell what is where: entries are not looked at. */
export const findGhost = (self: Bucket, hash: number): number => {
  const wanted = (hash << HASH_SHIFT) | GHOST
  for (let at = endOfPlaces(self); at < self.length; at++) {
    if (((self[at] as number) & (HASH | WHERE)) === wanted) return at
  }
  return -1
}

export const places = (self: Bucket): number => (endOfPlaces(self) - FIRST) / 2

/** Another word at a place: it was used, or it moved to another queue. */
export const withWord = (self: Bucket, at: number, word: number): Bucket => {
  const next = self.slice()
  next[at] = word
  return next
}

/** The place keeps its word and its turn, and has this entry from now on; or none. */
export const withEntry = (self: Bucket, at: number, entry: Entry | undefined): Bucket => {
  const next = self.slice()
  next[at + 1] = entry
  if (entry !== undefined) next[0] = Math.min(dueOf(self), tickOf(entry.deadAt))
  return next
}

/** One more place, and without the ghost at `ghost` (-1: none). */
export const withPlace = (self: Bucket, word: number, entry: Entry, ghost: number): Bucket => {
  const end = endOfPlaces(self)
  const next = new Array<number | Entry | undefined>(self.length + (ghost < 0 ? 2 : 1))
  next[0] = Math.min(dueOf(self), tickOf(entry.deadAt))
  for (let at = FIRST; at < end; at++) next[at] = self[at]
  next[end] = word
  next[end + 1] = entry
  let to = end + 2
  for (let at = end; at < self.length; at++) if (at !== ghost) next[to++] = self[at]
  return next
}

/** Without a place. */
export const withoutPlace = (self: Bucket, gone: number): Bucket => {
  const next = new Array<number | Entry | undefined>(self.length - 2)
  for (let at = 0; at < gone; at++) next[at] = self[at]
  for (let at = gone + 2; at < self.length; at++) next[at - 2] = self[at]
  return next.length === FIRST ? empty : next
}

/** The place became a ghost; of the ghosts the youngest `maxGhosts` are kept. */
export const withGhost = (self: Bucket, gone: number, ghost: number, maxGhosts: number): Bucket => {
  const end = endOfPlaces(self)
  const forgotten = Math.max(0, self.length - end + 1 - maxGhosts)
  if (maxGhosts < 1) return withoutPlace(self, gone)
  const next = new Array<number | Entry | undefined>(self.length - 1 - forgotten)
  for (let at = 0; at < gone; at++) next[at] = self[at]
  for (let at = gone + 2; at < end; at++) next[at - 2] = self[at]
  for (let at = end + forgotten; at < self.length; at++) next[at - 2 - forgotten] = self[at]
  next[next.length - 1] = ghost
  return next
}

/** Those who died before `tick` left their places, at most `budget` of them. The second is the next bucket. */
export const withoutDead = (
  self: Bucket,
  tick: number,
  budget: number,
  except: Key | undefined,
): readonly [dead: ReadonlyArray<number>, next: Bucket] => {
  const dead: Array<number> = []
  const next = self.slice()
  let due = NEVER
  for (let at = FIRST; at < self.length && !isGhost(self[at] as number); at += 2) {
    const entry = entryAt(self, at)
    if (entry === undefined) continue
    const diesAt = tickOf(entry.deadAt)
    if (diesAt < tick && dead.length < budget && entry.key !== except) {
      dead.push(at)
      next[at + 1] = undefined
    } else due = Math.min(due, diesAt)
  }
  next[0] = due
  return [dead, next]
}
