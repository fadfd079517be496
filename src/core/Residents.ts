/**
 * Who is held: the entries, in a tree of buckets, and the two queues in which their keys wait for their turn
 * to leave. This is the persistent structure; who leaves is decided in `Eviction.ts`.
 *
 * A queue holds hashes, and nothing is ever taken out of its middle. A key that leaves before its turn (it was
 * invalidated, it expired) leaves its *place*: a word in its bucket without an entry, in step with the number
 * in the queue. If the key comes back it takes its place again, with its uses: who rewrites a key over and over
 * makes the queue no longer. When nobody comes back, the place is given up when its turn comes, or earlier, by
 * `tidy`, once a queue holds more places that nobody has than others.
 *
 * Invariant: for each queue and each (abbreviated) hash there are as many places as there are numbers.
 */
import * as Bucket from "./Bucket.ts"
import * as BucketTree from "./BucketTree.ts"
import type { Entry, Key } from "./Entry.ts"
import * as KeyHash from "./KeyHash.ts"
import * as Queue from "./Queue.ts"

/** How much L1 may hold. An entry that is heavier than `maxBytes` is not taken in. */
export interface Bounds {
  readonly maxEntries: number
  /** Sum of the entries' weights. */
  readonly maxBytes: number
}

/** What is the same in all versions of a state. */
interface Frame {
  readonly seed: number
  readonly shape: BucketTree.Shape
}

/** A queue, and those among it who are resident. */
export interface Line {
  readonly queue: Queue.Queue
  readonly count: number
  /** What they weigh together. */
  readonly bytes: number
}

export interface Residents {
  readonly frame: Frame
  readonly root: BucketTree.Node
  readonly small: Line
  readonly main: Line
}

export type Where = typeof Bucket.SMALL | typeof Bucket.MAIN

/** A resident whose turn has come: it is in no queue, and waits for what becomes of it. */
export interface Taken {
  readonly hash: number
  readonly entry: Entry
  readonly uses: number
}

/** What is remembered of a key that left not long ago. */
export interface Ghost {
  readonly uses: number
  /** How many of its bucket became ghosts since. */
  readonly newer: number
}

/** How many residents a bucket has, more or less, when L1 is full. */
const LOAD = 8
/** The tree grows no wider than this many bits, whatever the bounds. */
const MAX_BITS = 24
/** An entry weighs more than this, so a bound on bytes is one on entries too. */
const LEAST_WEIGHT = 240
/** Places that nobody has may always be this many: few, so that they cannot fill the only bucket of a small L1. */
const MAX_LEFT = 8
/** How many places `tidy` looks at, at most. */
const TIDIED = 4
/** How many places that nobody has `take` passes, at most. */
const MAX_PASSED = 1_000
/** How many buckets `expire` looks at for each that it may take out, at most: one may be visited too early. */
const SEEN_PER_DEAD = 8

const noLine: Line = { queue: Queue.empty, count: 0, bytes: 0 }

const nobody: ReadonlyArray<Entry> = []

const bitsFor = ({ maxBytes, maxEntries }: Bounds): number => {
  const entries = Math.max(1, Math.min(maxEntries, maxBytes / LEAST_WEIGHT))
  return Math.min(MAX_BITS, Math.max(0, Math.round(Math.log2(entries / LOAD))))
}

/** Nobody, in a tree as wide as the bounds need. `seed` tells the hashes of one process from another's. */
export const make = (bounds: Bounds, seed: number): Residents =>
  emptied({ seed, shape: BucketTree.shapeOf(bitsFor(bounds)) })

const emptied = (frame: Frame): Residents => ({ frame, root: frame.shape.blank, small: noLine, main: noLine })

/** All are gone, and forgotten. */
export const clear = (self: Residents): Residents => emptied(self.frame)

export const size = (self: Residents): number => self.small.count + self.main.count

export const bytes = (self: Residents): number => self.small.bytes + self.main.bytes

/** How many stand in the queues, those included whose place nobody has. */
export const places = (self: Residents): number => self.small.queue.size + self.main.queue.size

export const lineOf = (self: Residents, where: Where): Line =>
  where === Bucket.SMALL ? self.small : self.main

/** To be handed on by who asks about a key more than once. */
export const hashOf = (self: Residents, key: Key): number => KeyHash.of(key, self.frame.seed)

const bucketOf = (self: Residents, hash: number): Bucket.Bucket =>
  BucketTree.get(self.root, self.frame.shape, hash)

/** `undefined` rather than an Option: this is the hot path, and it allocates nothing. */
export const get = (self: Residents, key: Key, hash: number): Entry | undefined => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, key)
  return at < 0 ? undefined : Bucket.entryAt(bucket, at)
}

/** The same for a resident that was used at least so often; `undefined` for all others. One look, as in `get`. */
export const getUsed = (self: Residents, key: Key, hash: number, uses: number): Entry | undefined => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, key)
  return at < 0 || Bucket.usesOf(Bucket.wordAt(bucket, at)) < uses ? undefined : Bucket.entryAt(bucket, at)
}

/** All from bucket number `from` on, in the order of their hashes, with the number of their bucket. */
export const entries = function* (
  self: Residents,
  from = 0,
): Generator<readonly [bucket: number, entry: Entry]> {
  for (const [index, bucket] of BucketTree.walk(self.root, self.frame.shape, from)) {
    for (const entry of Bucket.entries(bucket)) yield [index, entry]
  }
}

/** An entry that one version has and another has not, or has otherwise; at least one of the two is there. */
export interface Difference {
  readonly before: Entry | undefined
  readonly after: Entry | undefined
}

/**
 * What is held otherwise in `after` than in `before`. Of two versions of one state it costs time in proportion
 * to what happened between them, uses included, not to what they hold.
 */
export const differences = function* (before: Residents, after: Residents): Generator<Difference> {
  if (before.frame !== after.frame) return yield* compare(held(before), held(after))
  for (const [old, young] of BucketTree.differences(before.root, after.root, before.frame.shape)) {
    yield* compare(Bucket.entries(old), Bucket.entries(young))
  }
}

const held = function* (self: Residents): Generator<Entry> {
  for (const [, entry] of entries(self)) yield entry
}

const compare = function* (before: Iterable<Entry>, after: Iterable<Entry>): Generator<Difference> {
  const gone = new Map<Key, Entry>()
  for (const entry of before) gone.set(entry.key, entry)
  for (const entry of after) {
    const was = gone.get(entry.key)
    gone.delete(entry.key)
    if (was !== entry) yield { before: was, after: entry }
  }
  for (const entry of gone.values()) yield { before: entry, after: undefined }
}

/** One more use of a resident, as long as it has fewer than `maxUses`; else the same value. */
export const use = (self: Residents, key: Key, hash: number, maxUses: number): Residents => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, key)
  if (at < 0) return self
  const word = Bucket.wordAt(bucket, at)
  const uses = Bucket.usesOf(word)
  if (uses >= maxUses) return self
  return withBucket(
    self,
    hash,
    Bucket.withWord(bucket, at, Bucket.wordOf(hash, Bucket.whereOf(word), uses + 1)),
  )
}

/** What is remembered of the key of a hash. */
export const ghostOf = (self: Residents, hash: number): Ghost | undefined => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.findGhost(bucket, hash)
  return at < 0
    ? undefined
    : { uses: Bucket.usesOf(Bucket.wordAt(bucket, at)), newer: bucket.length - 1 - at }
}

/**
 * A new resident: in the place that its hash has left, with the uses it had; else in a new one at the end of
 * the small queue, with these. Its ghost is gone. The same value when its bucket takes no more.
 */
export const enter = (self: Residents, hash: number, entry: Entry, uses: number): Residents => {
  const bucket = bucketOf(self, hash)
  const left = Bucket.findLeft(bucket, hash)
  if (left >= 0) {
    const where = Bucket.whereOf(Bucket.wordAt(bucket, left))
    const line = changed(lineOf(self, where), 1, entry.weight)
    return withBoth(self, hash, Bucket.withEntry(bucket, left, entry), where, line)
  }
  if (Bucket.places(bucket) >= Bucket.MAX_PLACES) return self
  const ghost = Bucket.findGhost(bucket, hash)
  const next = Bucket.withPlace(bucket, Bucket.wordOf(hash, Bucket.SMALL, uses), entry, ghost)
  return withBoth(self, hash, next, Bucket.SMALL, joined(self.small, hash, entry))
}

/** Another entry for a key that is resident: it keeps its place and its uses. */
export const replace = (self: Residents, hash: number, entry: Entry): Residents => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, entry.key)
  const old = Bucket.entryAt(bucket, at)
  if (old === undefined) return self
  const where = Bucket.whereOf(Bucket.wordAt(bucket, at))
  const line = changed(lineOf(self, where), 0, entry.weight - old.weight)
  return withBoth(self, hash, Bucket.withEntry(bucket, at, entry), where, line)
}

/** The key is not resident any more; it keeps its place in case it comes back. */
export const leave = (self: Residents, key: Key, hash: number): Residents => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, key)
  const entry = at < 0 ? undefined : Bucket.entryAt(bucket, at)
  if (entry === undefined) return self
  const where = Bucket.whereOf(Bucket.wordAt(bucket, at))
  const line = changed(lineOf(self, where), -1, -entry.weight)
  return tidy(withBoth(self, hash, Bucket.withEntry(bucket, at, undefined), where, line))
}

/**
 * The oldest resident of a queue that has one: it is out of the queue, but not yet out of its bucket. `undefined`
 * when so many places that nobody has stood before it that passing them is enough for one time.
 */
export const take = (self: Residents, where: Where): readonly [Taken | undefined, Residents] => {
  const line = lineOf(self, where)
  let { queue } = line
  let { root } = self
  for (let passed = 0; passed < MAX_PASSED && queue.size > 0; passed++) {
    const hash = Queue.peek(queue)
    queue = Queue.drop(queue)
    const bucket = BucketTree.get(root, self.frame.shape, hash)
    const at = Bucket.findPlace(bucket, hash, where)
    const entry = Bucket.entryAt(bucket, at)
    if (entry !== undefined) {
      const without = { queue, count: line.count - 1, bytes: line.bytes - entry.weight }
      const uses = Bucket.usesOf(Bucket.wordAt(bucket, at))
      return [{ hash, entry, uses }, withLine(self, root, where, without)]
    }
    root = BucketTree.set(root, self.frame.shape, hash, Bucket.withoutPlace(bucket, at))
  }
  return [undefined, withLine(self, root, where, { ...line, queue })]
}

/** How often the oldest of a queue was used, be it there or not; 0 of an empty one. */
export const usesOfOldest = (self: Residents, where: Where): number => {
  const { queue } = lineOf(self, where)
  if (queue.size === 0) return 0
  const hash = Queue.peek(queue)
  const bucket = bucketOf(self, hash)
  return Bucket.usesOf(Bucket.wordAt(bucket, Bucket.findPlace(bucket, hash, where)))
}

/** Who was taken stands at the end of a queue, with so many uses. */
export const stand = (self: Residents, { entry, hash }: Taken, where: Where, uses: number): Residents => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, entry.key)
  const word = Bucket.wordOf(hash, where, uses)
  const next = Bucket.wordAt(bucket, at) === word ? bucket : Bucket.withWord(bucket, at, word)
  return withBoth(self, hash, next, where, joined(lineOf(self, where), hash, entry))
}

/** Who was taken leaves. */
export const dismiss = (self: Residents, { entry, hash }: Taken): Residents => {
  const bucket = bucketOf(self, hash)
  return withBucket(self, hash, Bucket.withoutPlace(bucket, Bucket.find(bucket, hash, entry.key)))
}

/** Who was taken leaves, and is remembered, one of `maxGhosts` in all or a little more. */
export const haunt = (self: Residents, { entry, hash, uses }: Taken, maxGhosts: number): Residents => {
  const bucket = bucketOf(self, hash)
  const at = Bucket.find(bucket, hash, entry.key)
  const most = Math.max(1, Math.round(maxGhosts / BucketTree.buckets(self.frame.shape)))
  return withBucket(self, hash, Bucket.withGhost(bucket, at, Bucket.wordOf(hash, Bucket.GHOST, uses), most))
}

/** About how many became ghosts since one did, all buckets together. */
export const sinceGhost = (self: Residents, { newer }: Ghost): number =>
  newer * BucketTree.buckets(self.frame.shape)

/**
 * At most `budget` of those who died in a second that has passed at `now` have left their places. The same value
 * when nobody can be due; another one although nobody left, when there is more to look at.
 */
export const expire = (
  self: Residents,
  now: number,
  budget: number,
  except?: Key,
): readonly [dead: ReadonlyArray<Entry>, next: Residents] => {
  const tick = Bucket.tickOf(now)
  if (!BucketTree.isDue(self.root, tick)) return [nobody, self]
  const dead: Array<Entry> = []
  let { main, small } = self
  let seen = 0
  const root = BucketTree.sweep(self.root, self.frame.shape, tick, (bucket) => {
    if (dead.length >= budget || seen++ >= SEEN_PER_DEAD * budget) return undefined
    const [gone, next] = Bucket.withoutDead(bucket, tick, budget - dead.length, except)
    for (const at of gone) {
      const entry = Bucket.entryAt(bucket, at)
      if (entry === undefined) continue
      dead.push(entry)
      const isSmall = Bucket.whereOf(Bucket.wordAt(bucket, at)) === Bucket.SMALL
      if (isSmall) small = changed(small, -1, -entry.weight)
      else main = changed(main, -1, -entry.weight)
    }
    return next
  })
  let next: Residents = { frame: self.frame, root, small, main }
  for (let step = 0; step < dead.length; step += TIDIED / 2) next = tidy(next)
  return [dead, next]
}

/** Gives up places that nobody has, a few at a time, when a queue holds more of them than of others. */
export const tidy = (self: Residents): Residents => tidyLine(tidyLine(self, Bucket.SMALL), Bucket.MAIN)

/** Those that somebody has go to the end of the queue: a round of all keeps their order. */
const tidyLine = (self: Residents, where: Where): Residents => {
  const line = lineOf(self, where)
  if (line.queue.size <= 2 * line.count + MAX_LEFT) return self
  let { queue } = line
  let { root } = self
  for (let step = 0; step < TIDIED; step++) {
    const hash = Queue.peek(queue)
    queue = Queue.drop(queue)
    const bucket = BucketTree.get(root, self.frame.shape, hash)
    const at = Bucket.findPlace(bucket, hash, where)
    if (Bucket.entryAt(bucket, at) === undefined) {
      root = BucketTree.set(root, self.frame.shape, hash, Bucket.withoutPlace(bucket, at))
    } else queue = Queue.push(queue, hash)
  }
  return withLine(self, root, where, { ...line, queue })
}

const changed = (line: Line, count: number, weight: number): Line => ({
  queue: line.queue,
  count: line.count + count,
  bytes: line.bytes + weight,
})

const joined = (line: Line, hash: number, entry: Entry): Line => ({
  queue: Queue.push(line.queue, hash),
  count: line.count + 1,
  bytes: line.bytes + entry.weight,
})

const withBucket = (self: Residents, hash: number, bucket: Bucket.Bucket): Residents => ({
  frame: self.frame,
  root: BucketTree.set(self.root, self.frame.shape, hash, bucket),
  small: self.small,
  main: self.main,
})

const withLine = (self: Residents, root: BucketTree.Node, where: Where, line: Line): Residents => ({
  frame: self.frame,
  root,
  small: where === Bucket.SMALL ? line : self.small,
  main: where === Bucket.SMALL ? self.main : line,
})

const withBoth = (
  self: Residents,
  hash: number,
  bucket: Bucket.Bucket,
  where: Where,
  line: Line,
): Residents => withLine(self, BucketTree.set(self.root, self.frame.shape, hash, bucket), where, line)
