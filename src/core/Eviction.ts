/**
 * Who leaves when L1 is full.
 *
 * Problem: most keys are used once, and LRU lets each of them push out something useful; what is used in a
 * loop that is longer than the room it never finds. The algorithm is S3-FIFO with the admission of TinyLFU:
 *
 * - A new key enters the *small* queue. Its uses are counted, up to two; a hit does nothing else, and a hit
 *   on a resident that has two changes nothing at all. That is what an immutable state wants of a policy.
 * - The oldest of the small queue, if it was used there, *challenges* the oldest of the *main* queue: it must
 *   have been used more often. A challenger that wins goes to the end of main and starts from no use; one that
 *   loses leaves, and who beat it goes to the end of main with one use less. So in a loop, where all are used
 *   alike, those who are in main stay, and the room is not turned over in vain. While main has room, nobody is
 *   challenged.
 * - Who leaves the small queue is remembered for a while with its uses, as a *ghost*. A key that comes back as
 *   a ghost enters the small queue with these uses and one more.
 * - Who was not used leaves without a challenge, but every 64th is *lucky*: it takes the place of the oldest of
 *   main if that was not used either. Otherwise nothing would ever clear main of old favourites that nobody
 *   asks for any more.
 * - The small queue's part of the room, a tenth at first, follows the ghosts. A ghost that returns soon would
 *   have been a hit had the queue been longer: it grows, if main's oldest is idle. Any other return shows that
 *   time in the queue is not what keys lack: it shrinks.
 *
 * Bounds: making room spares at most `MAX_SPARED` residents at a time, then the oldest leaves whatever its
 * uses; and it ends when `MAX_LEAVING` places were given up, be somebody in them or not. An entry that needs
 * more room than that is not taken in this time: what left for it is a beginning, and a later read of it goes
 * on from there.
 *
 * Sources: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023 (queues,
 * counters, ghosts); Einziger, Friedman, Manes, "TinyLFU: a highly efficient cache admission policy", ACM ToS
 * 2017 (challenges); Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003 (ghosts
 * say how the room is divided); Einziger, Eytan, Friedman, Manes, "Adaptive software cache management",
 * Middleware 2018 (a part for recency that adapts; chance in admission). `npm run -s bench:hit-ratio` replays traces through it.
 */
import * as Bucket from "./Bucket.ts"
import type { Entry, Key } from "./Entry.ts"
import * as Residents from "./Residents.ts"

export type Bounds = Residents.Bounds

export interface Eviction {
  readonly residents: Residents.Residents
  /** How many of `maxEntries` the small queue should have; the same part of `maxBytes`. */
  readonly target: number
  /** How many have left the small queue without a use. */
  readonly unused: number
}

const MAX_USES = 2
/** The small queue's part of the room. */
const LEAST_SMALL = 0.1
const MOST_SMALL = 0.9
/** Ghosts per resident. */
const GHOSTS = 2
/** A ghost returns soon as long as not more than this many per resident became ghosts since. */
const SOON = 0.3
/** By how many residents a return moves the border between the queues. */
const GROW = 2
const SHRINK = 1
/** One of so many who leave the small queue unused is lucky. */
const LUCKY = 64
const MAX_SPARED = 16
const MAX_LEAVING = 1_000

const { MAIN, SMALL } = Bucket

const leastSmall = ({ maxEntries }: Bounds): number => Math.max(1, Math.round(LEAST_SMALL * maxEntries))

const mostSmall = ({ maxEntries }: Bounds): number => Math.max(1, Math.round(MOST_SMALL * maxEntries))

/** Nobody. `seed` tells the hashes of one process from another's. */
export const make = (bounds: Bounds, seed: number): Eviction => ({
  residents: Residents.make(bounds, seed),
  target: leastSmall(bounds),
  unused: 0,
})

/** All are gone, and forgotten; what was learnt about the room stays. */
export const clear = (self: Eviction): Eviction => ({ ...self, residents: Residents.clear(self.residents) })

export const size = (self: Eviction): number => Residents.size(self.residents)

export const bytes = (self: Eviction): number => Residents.bytes(self.residents)

/** To be handed on by who asks about a key more than once. */
export const hashOf = (self: Eviction, key: Key): number => Residents.hashOf(self.residents, key)

/** `undefined` rather than an Option: this is the hot path, and a hit that changes nothing allocates nothing. */
export const get = (self: Eviction, key: Key, hash: number = hashOf(self, key)): Entry | undefined =>
  Residents.get(self.residents, key, hash)

/** The same for a resident of which one more use would change nothing. */
export const getHot = (self: Eviction, key: Key, hash: number = hashOf(self, key)): Entry | undefined =>
  Residents.getUsed(self.residents, key, hash, MAX_USES)

/** Counts a use of a resident. The same value comes back when that changes nothing. */
export const use = (self: Eviction, key: Key, hash: number = hashOf(self, key)): Eviction =>
  withResidents(self, Residents.use(self.residents, key, hash, MAX_USES))

/** Takes a resident out without remembering it. */
export const remove = (self: Eviction, key: Key, hash: number = hashOf(self, key)): Eviction =>
  withResidents(self, Residents.leave(self.residents, key, hash))

/** Takes out at most `budget` residents that died in a second that has passed at `now`. */
export const expire = (
  self: Eviction,
  now: number,
  budget: number,
  except?: Key,
): readonly [dead: ReadonlyArray<Entry>, next: Eviction] => {
  const [dead, residents] = Residents.expire(self.residents, now, budget, except)
  return [dead, withResidents(self, residents)]
}

/** Whether an entry can enter without anybody leaving. */
export const fits = (self: Eviction, entry: Entry, bounds: Bounds): boolean => {
  const old = get(self, entry.key)
  return isRoomy(self.residents, bounds, old === undefined ? 1 : 0, entry.weight - (old?.weight ?? 0))
}

export interface Inserted {
  /** Whether the entry is resident now; else there was not enough room this time. */
  readonly entered: boolean
  /** What the key had before. */
  readonly replaced: Entry | undefined
  /** Who left for it, in that order. */
  readonly evicted: ReadonlyArray<Entry>
  readonly next: Eviction
}

/**
 * Takes an entry in. One for a key that is resident keeps its uses, unless its turn to leave comes while room
 * is made for it. The entry's weight is at most `bounds.maxBytes`: the caller checked.
 */
export const insert = (
  self: Eviction,
  entry: Entry,
  bounds: Bounds,
  hash: number = hashOf(self, entry.key),
): Inserted => {
  const old = get(self, entry.key, hash)
  if (old !== undefined && isRoomy(self.residents, bounds, 0, entry.weight - old.weight)) {
    const residents = Residents.replace(self.residents, hash, entry)
    return { entered: true, replaced: old, evicted: [], next: withResidents(self, residents) }
  }
  const ghost = Residents.ghostOf(self.residents, hash)
  const open =
    old === undefined ? Residents.tidy(self.residents) : Residents.leave(self.residents, entry.key, hash)
  const tuned = { residents: open, target: retarget(self, ghost, bounds), unused: self.unused }
  const [evicted, roomy] = makeRoom(tuned, bounds, entry.weight)
  if (!isRoomy(roomy.residents, bounds, 1, entry.weight)) {
    return { entered: false, replaced: old, evicted, next: roomy }
  }
  const uses = ghost === undefined ? 0 : Math.min(MAX_USES, ghost.uses + 1)
  const residents = Residents.enter(roomy.residents, hash, entry, uses)
  const entered = residents !== roomy.residents
  return { entered, replaced: old, evicted, next: withResidents(roomy, residents) }
}

const withResidents = (self: Eviction, residents: Residents.Residents): Eviction =>
  residents === self.residents ? self : { residents, target: self.target, unused: self.unused }

const isRoomy = (
  residents: Residents.Residents,
  bounds: Bounds,
  moreEntries: number,
  moreBytes: number,
): boolean =>
  Residents.size(residents) + moreEntries <= bounds.maxEntries &&
  Residents.bytes(residents) + moreBytes <= bounds.maxBytes

/** What a key that comes back says about the small queue's part of the room. A whole number. */
const retarget = (
  { residents, target }: Eviction,
  ghost: Residents.Ghost | undefined,
  bounds: Bounds,
): number => {
  if (ghost === undefined) return target
  const held = Math.max(1, Residents.size(residents))
  // When bytes are the bound, a resident is more than one part of `maxEntries`.
  const part = Math.max(1, Math.round(bounds.maxEntries / held))
  const isSoon = Residents.sinceGhost(residents, ghost) <= SOON * held
  return isSoon && Residents.usesOfOldest(residents, MAIN) === 0
    ? Math.min(mostSmall(bounds), target + GROW * part)
    : Math.max(leastSmall(bounds), target - SHRINK * part)
}

/** Evicts until one more entry of this weight has room, nobody is left, or enough is done for one time. */
const makeRoom = (
  self: Eviction,
  bounds: Bounds,
  weight: number,
): readonly [evicted: ReadonlyArray<Entry>, next: Eviction] => {
  const evicted: Array<Entry> = []
  let next = self
  const enough = Residents.places(self.residents) - MAX_LEAVING
  for (let spared = 0; Residents.places(next.residents) > enough && size(next) > 0;) {
    if (isRoomy(next.residents, bounds, 1, weight)) break
    const [left, after] = turn(next, bounds, spared < MAX_SPARED)
    if (left === undefined) spared++
    else evicted.push(left)
    next = after
  }
  return [evicted, next]
}

type Turn = readonly [left: Entry | undefined, next: Eviction]

/** Somebody leaves, or nobody: somebody was spared, or only places were found that nobody has. */
const turn = (self: Eviction, bounds: Bounds, maySpare: boolean): Turn => {
  const { main, small } = self.residents
  const smallPart = self.target / bounds.maxEntries
  const isMainOver = isOver(main, 1 - smallPart, bounds)
  if (small.count === 0 || (isMainOver && !isOver(small, smallPart, bounds))) return mainTurn(self, maySpare)
  const [oldest, residents] = Residents.take(self.residents, SMALL)
  const next = withResidents(self, residents)
  if (oldest === undefined) return [undefined, next]
  const mainHasRoom = !isOver(main, 1 - smallPart, bounds, 1, oldest.entry.weight)
  if (mainHasRoom && maySpare) return promote(next, oldest)
  return smallTurn(next, oldest)
}

const isOver = (
  line: Residents.Line,
  part: number,
  bounds: Bounds,
  moreEntries = 0,
  moreBytes = 0,
): boolean =>
  line.count + moreEntries > part * bounds.maxEntries || line.bytes + moreBytes > part * bounds.maxBytes

/** Main has more than its part: its oldest has another round for each use, or leaves. */
const mainTurn = (self: Eviction, maySpare: boolean): Turn => {
  const [oldest, residents] = Residents.take(self.residents, MAIN)
  if (oldest === undefined) return [undefined, withResidents(self, residents)]
  return maySpare && oldest.uses > 0
    ? [undefined, withResidents(self, Residents.stand(residents, oldest, MAIN, oldest.uses - 1))]
    : [oldest.entry, withResidents(self, Residents.dismiss(residents, oldest))]
}

/** The oldest of the small queue challenges the oldest of main, or leaves. */
const smallTurn = (self: Eviction, challenger: Residents.Taken): Turn => {
  const isUnused = challenger.uses === 0
  const unused = self.unused + (isUnused ? 1 : 0)
  const isLucky = isUnused && unused % LUCKY === 0
  const counted: Eviction = { residents: self.residents, target: self.target, unused }
  if ((isUnused && !isLucky) || self.residents.main.count === 0) return depart(counted, challenger)
  const [holder, residents] = Residents.take(self.residents, MAIN)
  if (holder === undefined) return depart(withResidents(counted, residents), challenger)
  if (challenger.uses > holder.uses || (isLucky && holder.uses === 0)) {
    const [, next] = promote(withResidents(counted, Residents.dismiss(residents, holder)), challenger)
    return [holder.entry, next]
  }
  const kept = Residents.stand(residents, holder, MAIN, Math.max(0, holder.uses - 1))
  return depart(withResidents(counted, kept), challenger)
}

/** It goes on in main. */
const promote = (self: Eviction, taken: Residents.Taken): Turn => [
  undefined,
  withResidents(self, Residents.stand(self.residents, taken, MAIN, 0)),
]

/** It leaves the small queue and is remembered. */
const depart = (self: Eviction, taken: Residents.Taken): Turn => [
  taken.entry,
  withResidents(self, Residents.haunt(self.residents, taken, GHOSTS * (size(self) + 1))),
]
