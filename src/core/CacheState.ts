/**
 * The one value that is L1, and everything that can happen to it.
 *
 * A cache is state that many fibers read and a few events change: an answer from the store arrives, a key is
 * invalidated, time passes, room is needed. Here each of these is a function from a state (and the time) to
 * what happened and the next state. Nothing in this folder waits, throws, reads a clock or draws a random
 * number, so a state can be replayed, compared and tested without a scheduler; and since a state never
 * changes, holding one is a consistent snapshot that costs nothing (`Snapshot.ts`).
 *
 * The shell keeps the current state in one `Ref` and applies each transition in one turn: there is no moment
 * between looking and changing, and so no race inside the process. The races that are left are
 * with the world: an answer that was true when it left the store and is not when it arrives. `Fill.ts` has
 * the rule for those: no value enters L1 without a token that still stands.
 *
 * What is held. An `Entry` is a record of key, value, deadlines and weight (`Entry.ts`). The entries are in a
 * radix tree of small buckets (`BucketTree.ts`, `Bucket.ts`): the upper bits of a key's hash lead to a bucket
 * of about eight, and there one number per entry, its word, tells it from its neighbours, says which queue it
 * stands in and how often it was used. So a lookup is one hash, three or four steps down, and a look at a few
 * numbers. A change copies the bucket and the nodes above it, about 2 KB at a million entries, and shares all
 * else with the version before: whoever holds that version keeps it, and comparing two versions looks only at
 * what they do not share.
 *
 * Eviction. Keys wait for their turn to leave in two queues of hashes (`Queue.ts`). Who leaves is decided by
 * S3-FIFO with the admission of TinyLFU (`Eviction.ts`): a hit only counts a use, up to two, so that most
 * hits change nothing and return the very same state. `Residents.ts` keeps tree and queues in step.
 *
 * Expiry. Reads need no index: an entry knows its deadlines, and time is an argument. For giving memory back
 * each node of the tree says before which second nobody below it dies. `expire` follows these to the dead, a
 * few at a time; there is no second structure that could disagree with the first, and no timer per entry.
 *
 * Coherence. `fills` are the tokens of the questions in flight (`Fill.ts`). `trustedSince` and
 * `trustedForMillis` say which copies may be served as fresh: those whose question left after the tracker
 * became live. While it is not, none is, nor when it has not been heard of for too long (`assuredUntil`). What
 * was fetched earlier is *suspect*: it is kept, for it is probably right, but only the store can tell. `epoch`
 * grows whenever everything held became uncertain at once.
 *
 * Cost. Of n entries: `peek`, `serve` and a `touch` that changes nothing O(log n) with a base of 32, and no allocation;
 * every other transition the same and a few KB. `settle` evicts at most 1,000 entries and spares at most 16,
 * however heavy what comes in is; `expire` does at most its budget; `lose`, `trust` and `invalidateAll` are
 * O(1). An entry costs about 115 bytes beyond key and value at a million, 125 with the ghosts of those that
 * left (`npm run -s bench:core`).
 *
 * `counts` adds up what happened. Hits and misses are counted by the shell, for a hit that changes nothing must
 * return the very same state. Every removal is reported with its cause, so every miss can be explained: never
 * stored, expired, invalidated, replaced or evicted.
 *
 * Sources: Bagwell, "Ideal hash trees", 2001, for tries that share (this one has a fixed depth, as all is
 * bounded, so nothing is ever rebuilt); the sources of the policy and of the queues are in their files.
 */
import type * as Option from "effect/Option"
import { type Entry, isSameValue, type Key } from "./Entry.ts"
import * as Eviction from "./Eviction.ts"
import * as Fill from "./Fill.ts"

export interface CacheState {
  readonly bounds: Eviction.Bounds
  readonly eviction: Eviction.Eviction
  readonly fills: Fill.Fills
  /** Copies of questions sent before this are suspect; `Infinity`: all are. Monotonic milliseconds. */
  readonly trustedSince: number
  /** How long after its question a copy is trusted at most. Milliseconds. */
  readonly trustedForMillis: number
  /** From here on no copy is trusted until the tracker has shown again that it is alive. Monotonic milliseconds. */
  readonly assuredUntil: number
  readonly epoch: number
  readonly counts: Counts
}

/** How often each thing happened since the state was made. */
export interface Counts {
  /** Answers that entered L1. */
  readonly fills: number
  /** Answers that were delivered to their callers but did not enter L1. */
  readonly fillsDropped: number
  readonly evicted: number
  readonly expired: number
  readonly invalidated: number
  readonly replaced: number
}

export type Cause = "invalidated" | "replaced" | "expired" | "evicted"

/** An entry left L1. */
export interface Removal {
  readonly cause: Cause
  readonly entry: Entry
}

/** What became of an answer. */
export type Settled =
  | { readonly _tag: "Installed"; readonly removed: ReadonlyArray<Removal> }
  | { readonly _tag: "Dropped"; readonly why: Refusal; readonly removed: ReadonlyArray<Removal> }

/**
 * Why an answer did not enter. Unless its token was withdrawn, it is newer than the copy that L1 has of the
 * key, so that copy leaves with it (`replaced`). `untrusted`: the tracker is not live, so nobody would say
 * when the answer is no longer true; a copy that is the same stays, as suspect as it was.
 */
export type Refusal = "withdrawn" | "untrusted" | "expired" | "too-heavy" | "no-room"

/** Dead entries that one answer sweeps out on its way in. */
const SWEEP_PER_FILL = 4

const noCounts: Counts = {
  fills: 0,
  fillsDropped: 0,
  evicted: 0,
  expired: 0,
  invalidated: 0,
  replaced: 0,
}

/** Empty, and trusting: without a tracker a copy is good for its TTL. */
export const make = (bounds: Eviction.Bounds, seed = 0): CacheState => ({
  bounds,
  eviction: Eviction.make(bounds, seed),
  fills: Fill.none,
  trustedSince: -Infinity,
  trustedForMillis: Infinity,
  assuredUntil: Infinity,
  epoch: 0,
  counts: noCounts,
})

export const size = (self: CacheState): number => Eviction.size(self.eviction)

/** Sum of the weights of all entries. */
export const bytes = (self: CacheState): number => Eviction.bytes(self.eviction)

/** Questions in flight whose answers may still enter. */
export const filling = (self: CacheState): number => self.fills.size

/** The hash of a key: who peeks and touches computes it once. */
export const hashOf = (self: CacheState, key: Key): number => Eviction.hashOf(self.eviction, key)

/**
 * The entry of a key as long as it is not dead. It may be stale: `Entry.freshness` tells. `undefined` rather
 * than an Option, as this is the hot path.
 */
export const peek = (
  self: CacheState,
  key: Key,
  now: number,
  hash: number = hashOf(self, key),
): Entry | undefined => {
  const entry = Eviction.get(self.eviction, key, hash)
  return entry !== undefined && now < entry.deadAt ? entry : undefined
}

/**
 * The entry of a key as long as it may be served without asking. It may not have been used as often as counts:
 * `touch` is to follow.
 */
export const serve = (
  self: CacheState,
  key: Key,
  now: number,
  hash: number = hashOf(self, key),
): Entry | undefined => servable(self, Eviction.get(self.eviction, key, hash), now)

/** The same for an entry of which a `touch` would change nothing: most hits, in one look. */
export const serveHot = (
  self: CacheState,
  key: Key,
  now: number,
  hash: number = hashOf(self, key),
): Entry | undefined => servable(self, Eviction.getHot(self.eviction, key, hash), now)

const servable = (self: CacheState, entry: Entry | undefined, now: number): Entry | undefined =>
  entry !== undefined && now < entry.freshUntil && isTrusted(self, entry, now) ? entry : undefined

/** Counts a use of the key. The same state comes back when that changes nothing. */
export const touch = (self: CacheState, key: Key, hash: number = hashOf(self, key)): CacheState => {
  const eviction = Eviction.use(self.eviction, key, hash)
  return eviction === self.eviction ? self : { ...self, eviction }
}

/** Before a read is sent to the store: start it, or join one that is under way. */
export const beginRead = (self: CacheState, key: Key): readonly [Fill.Begun, CacheState] => {
  const [begun, fills] = Fill.beginRead(self.fills, key, hashOf(self, key))
  return [begun, fills === self.fills ? self : { ...self, fills }]
}

/** The same for a read that must not be older than this moment: it joins nobody. */
export const beginReadAnew = (self: CacheState, key: Key): readonly [Fill.Begun, CacheState] => {
  const [begun, fills] = Fill.beginReadAnew(self.fills, key, hashOf(self, key))
  return [begun, { ...self, fills }]
}

/** Before a write is sent to the store: from here on L1 does not know the key. */
export const beginWrite = (self: CacheState, key: Key): readonly [Fill.Token, CacheState] => {
  const hash = hashOf(self, key)
  const [, forgotten] = drop(self, key, "invalidated", hash)
  const [token, fills] = Fill.beginWrite(forgotten.fills, key, hash)
  return [token, { ...forgotten, fills }]
}

/** Before the resync asks the store for a key; `None` when somebody else is about to know better. */
export const beginResync = (self: CacheState, key: Key): readonly [Option.Option<Fill.Token>, CacheState] => {
  const [token, fills] = Fill.beginResync(self.fills, key, hashOf(self, key))
  return [token, fills === self.fills ? self : { ...self, fills }]
}

/** The question of this token failed, or its answer is not wanted: nothing enters. */
export const abandon = (self: CacheState, token: Fill.Token): CacheState => {
  const fills = Fill.end(self.fills, token)
  return fills === self.fills ? self : { ...self, fills }
}

/**
 * The answer to a token's question: it enters if the token still stands. `admission` says whether others may
 * be evicted for it.
 */
export const settle = (
  self: CacheState,
  token: Fill.Token,
  entry: Entry,
  now: number,
  admission: "evict" | "if-room" = "evict",
): readonly [Settled, CacheState] => {
  const fills = Fill.end(self.fills, token)
  if (fills === self.fills) return dropped([[], self], "withdrawn")
  const open = { ...self, fills }
  if (self.trustedSince === Infinity) return dropped(contradict(open, entry), "untrusted")
  const why = refusal(open, entry, now, admission)
  if (why !== undefined) return dropped(drop(open, entry.key, "replaced"), why)
  return install(open, entry, token.hash, now)
}

const refusal = (
  self: CacheState,
  entry: Entry,
  now: number,
  admission: "evict" | "if-room",
): Refusal | undefined => {
  if (entry.weight > self.bounds.maxBytes) return "too-heavy"
  if (entry.deadAt <= now) return "expired"
  return admission === "if-room" && !Eviction.fits(self.eviction, entry, self.bounds) ? "no-room" : undefined
}

/** A copy that the store has just contradicted is known to be wrong, not only suspect. */
const contradict = (self: CacheState, answer: Entry): readonly [ReadonlyArray<Removal>, CacheState] => {
  const held = Eviction.get(self.eviction, answer.key)
  const same =
    held?.value !== undefined && answer.value !== undefined
      ? isSameValue(held.value, answer.value)
      : held !== undefined && held.value === answer.value
  return same ? [[], self] : drop(self, answer.key, "invalidated")
}

/**
 * The store acknowledged a write. It enters L1 if nothing else happened to the key since it was sent; else
 * what L1 knows or fetches may be older than the write and is forgotten.
 */
export const settleWrite = (
  self: CacheState,
  token: Fill.Token,
  entry: Entry,
  now: number,
): readonly [Settled, CacheState] => {
  const [settled, next] = settle(self, token, entry, now)
  if (settled._tag === "Installed") return [settled, next]
  const [removed, forgotten] = invalidate(next, token.key)
  return [{ ...settled, removed: [...settled.removed, ...removed] }, forgotten]
}

const dropped = (
  [removed, self]: readonly [ReadonlyArray<Removal>, CacheState],
  why: Refusal,
): readonly [Settled, CacheState] => [
  { _tag: "Dropped", why, removed },
  { ...self, counts: { ...self.counts, fillsDropped: self.counts.fillsDropped + 1 } },
]

const install = (
  self: CacheState,
  entry: Entry,
  hash: number,
  now: number,
): readonly [Settled, CacheState] => {
  const [expired, swept] = expire(self, now, SWEEP_PER_FILL, entry.key)
  const {
    entered,
    evicted,
    next: eviction,
    replaced: old,
  } = Eviction.insert(swept.eviction, entry, swept.bounds, hash)
  const counts = {
    ...swept.counts,
    fills: swept.counts.fills + (entered ? 1 : 0),
    fillsDropped: swept.counts.fillsDropped + (entered ? 0 : 1),
    evicted: swept.counts.evicted + evicted.length,
    replaced: swept.counts.replaced + (old === undefined ? 0 : 1),
  }
  const removed: Array<Removal> = [...expired]
  if (old !== undefined) removed.push({ cause: "replaced", entry: old })
  for (const gone of evicted) removed.push({ cause: "evicted", entry: gone })
  const next = { ...swept, eviction, counts }
  return [entered ? { _tag: "Installed", removed } : { _tag: "Dropped", why: "no-room", removed }, next]
}

/** Whether a copy may be served without asking, as far as writes are concerned. */
export const isTrusted = (self: CacheState, entry: Entry, now: number): boolean =>
  now < self.assuredUntil &&
  entry.confirmedAt >= self.trustedSince &&
  now < entry.confirmedAt + self.trustedForMillis

/**
 * Until when a copy is fresh, as far as its time and writes are concerned. One that is suspect was so until the
 * store confirmed it.
 */
export const freshUntil = (self: CacheState, entry: Entry, now: number): number =>
  now >= self.assuredUntil || entry.confirmedAt < self.trustedSince
    ? entry.confirmedAt
    : Math.min(entry.freshUntil, entry.confirmedAt + self.trustedForMillis)

/** Writes may be missed from now on: nothing is trusted, and nothing that is being fetched will be. */
export const lose = (self: CacheState): CacheState => ({
  ...self,
  fills: Fill.withdrawAll(self.fills),
  trustedSince: Infinity,
  epoch: self.epoch + 1,
})

/**
 * From `now` on no write is missed (`forMillis` is `Infinity`), or nobody tells but a short-lived copy will do
 * (`forMillis` says how short). What was fetched before stays suspect.
 */
export const trust = (self: CacheState, now: number, forMillis: number): CacheState => ({
  ...self,
  fills: Fill.withdrawAll(self.fills),
  trustedSince: now,
  trustedForMillis: forMillis,
  assuredUntil: Infinity,
  epoch: self.epoch + 1,
})

/**
 * The tracker has shown that it missed nothing, and that is good until then. A process that was stopped for a
 * while finds the time to be past that, and trusts nothing before it has heard what it missed.
 */
export const assure = (self: CacheState, until: number): CacheState => ({ ...self, assuredUntil: until })

/** Something wrote to the key: forget the copy, and distrust what is being fetched. */
export const invalidate = (self: CacheState, key: Key): readonly [ReadonlyArray<Removal>, CacheState] => {
  const hash = hashOf(self, key)
  const [removed, next] = drop(self, key, "invalidated", hash)
  const fills = Fill.withdraw(next.fills, key, hash)
  return [removed, fills === next.fills ? next : { ...next, fills }]
}

/** Anything may have changed: forget everything, and distrust all that is being fetched. */
export const invalidateAll = (self: CacheState): readonly [removed: number, CacheState] => {
  const removed = size(self)
  return [
    removed,
    {
      ...self,
      eviction: Eviction.clear(self.eviction),
      fills: Fill.withdrawAll(self.fills),
      epoch: self.epoch + 1,
      counts: { ...self.counts, invalidated: self.counts.invalidated + removed },
    },
  ]
}

/**
 * Takes out at most `budget` entries that died in a second that has passed at `now`, in no particular order. The
 * same state comes back when nobody can be due; another one, though nobody left, when there is more to look at.
 */
export const expire = (
  self: CacheState,
  now: number,
  budget: number,
  except?: Key,
): readonly [ReadonlyArray<Removal>, CacheState] => {
  const [dead, eviction] = Eviction.expire(self.eviction, now, budget, except)
  if (eviction === self.eviction) return [[], self]
  const removed = dead.map((entry): Removal => ({ cause: "expired", entry }))
  return [
    removed,
    { ...self, eviction, counts: { ...self.counts, expired: self.counts.expired + dead.length } },
  ]
}

const drop = (
  self: CacheState,
  key: Key,
  cause: "invalidated" | "replaced",
  hash: number = hashOf(self, key),
): readonly [ReadonlyArray<Removal>, CacheState] => {
  const entry = Eviction.get(self.eviction, key, hash)
  if (entry === undefined) return [[], self]
  return [
    [{ cause, entry }],
    {
      ...self,
      eviction: Eviction.remove(self.eviction, key, hash),
      counts: { ...self.counts, [cause]: self.counts[cause] + 1 },
    },
  ]
}
