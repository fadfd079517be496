/**
 * Who leaves when L1 is full: S3-FIFO.
 *
 * Problem: most keys are used once, and LRU lets each of them push out something useful. Algorithm: a new
 * key enters a *small* queue (a tenth of the room). What was used more than once by the time it reaches the
 * end of that queue moves to the *main* queue; the rest leaves, and its key is remembered as a *ghost*. A
 * key that comes back while it is a ghost enters the main queue at once. The main queue gives everything
 * that was used another round, one round per use, at most three.
 *
 * A hit only counts a use, up to three, and a resident that has reached three does not change: most hits on
 * a warm cache change nothing, which is what an immutable state wants of a policy.
 *
 * Stop condition: making room spares at most `MAX_SPARED` residents a time, be it by a move to the main queue
 * or by another round there, then takes the oldest whatever its uses. Without it the first eviction after a
 * warm-up in which every key was used would move nearly everything to the main queue at once.
 *
 * Source: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Entry, Key } from "./Entry.ts"
import * as Queue from "./Queue.ts"

/** How much L1 may hold. An entry that is heavier than `maxBytes` is not taken in. */
export interface Bounds {
  readonly maxEntries: number
  /** Sum of the entries' weights. */
  readonly maxBytes: number
}

interface Resident {
  readonly entry: Entry
  /** 0 to `MAX_USES`. */
  readonly uses: number
  readonly queue: "small" | "main"
  readonly place: number
}

/** A queue of residents and what they weigh together. */
interface Line {
  readonly queue: Queue.Queue
  readonly bytes: number
}

export interface Eviction {
  readonly residents: HashMap.HashMap<Key, Resident>
  readonly small: Line
  readonly main: Line
  /** Keys that left the small queue not long ago, and their places in the order in which they left. */
  readonly ghosts: HashMap.HashMap<Key, number>
  readonly ghostOrder: Queue.Queue
}

const MAX_USES = 3
/** Uses that bring a resident from the small queue to the main one. */
const USES_TO_STAY = 2
/** The main queue's part of the bounds. */
const MAIN_PART = 0.9
const MAX_SPARED = 1_000
/** Ghosts that one insertion forgets beyond those that it made: many are too many after a mass expiry. */
const MAX_FORGOTTEN = 1_000

const noLine: Line = { queue: Queue.empty, bytes: 0 }

export const empty: Eviction = {
  residents: HashMap.empty(),
  small: noLine,
  main: noLine,
  ghosts: HashMap.empty(),
  ghostOrder: Queue.empty,
}

export const size = (self: Eviction): number => HashMap.size(self.residents)

export const bytes = (self: Eviction): number => self.small.bytes + self.main.bytes

/** `undefined` rather than an Option: this is the hot path, and a hit allocates as little as it can. */
export const get = (self: Eviction, key: Key): Entry | undefined => {
  const found = HashMap.get(self.residents, key)
  return Option.isSome(found) ? found.value.entry : undefined
}

export const entries = function* (self: Eviction): Generator<Entry> {
  for (const resident of HashMap.values(self.residents)) yield resident.entry
}

/** Counts a use of a resident. The same value comes back when that changes nothing. */
export const use = (self: Eviction, key: Key): Eviction => {
  const found = HashMap.get(self.residents, key)
  if (Option.isNone(found) || found.value.uses === MAX_USES) return self
  const used = { ...found.value, uses: found.value.uses + 1 }
  return { ...self, residents: HashMap.set(self.residents, key, used) }
}

export const fits = (self: Eviction, entry: Entry, bounds: Bounds): boolean => {
  const old = get(self, entry.key)
  return (
    size(self) + (old === undefined ? 1 : 0) <= bounds.maxEntries &&
    bytes(self) + entry.weight - (old?.weight ?? 0) <= bounds.maxBytes
  )
}

/**
 * Takes an entry in and reports who left for it, oldest first. An entry for a key that is resident takes
 * its place and keeps its uses. The entry's weight is at most `bounds.maxBytes` and `bounds.maxEntries` is
 * at least 1: the caller checked.
 */
export const insert = (
  self: Eviction,
  entry: Entry,
  bounds: Bounds,
): readonly [evicted: ReadonlyArray<Entry>, next: Eviction] => {
  const old = HashMap.get(self.residents, entry.key)
  if (Option.isSome(old)) return makeRoom(replace(self, old.value, entry), bounds)
  const room = { maxEntries: bounds.maxEntries - 1, maxBytes: bounds.maxBytes - entry.weight }
  const [evicted, roomy] = makeRoom(self, room, bounds)
  const ghost = HashMap.get(roomy.ghosts, entry.key)
  if (Option.isNone(ghost)) return [evicted, enter(roomy, "small", entry, 0)]
  const remembered = {
    ...roomy,
    ghosts: HashMap.remove(roomy.ghosts, entry.key),
    ghostOrder: Queue.remove(roomy.ghostOrder, ghost.value),
  }
  return [evicted, enter(remembered, "main", entry, 0)]
}

/** Takes a resident out without remembering it. */
export const remove = (self: Eviction, key: Key): Eviction => {
  const found = HashMap.get(self.residents, key)
  if (Option.isNone(found)) return self
  const { entry, place, queue } = found.value
  const line = self[queue]
  return {
    ...self,
    residents: HashMap.remove(self.residents, key),
    [queue]: { queue: Queue.remove(line.queue, place), bytes: line.bytes - entry.weight },
  }
}

const enter = (self: Eviction, queue: "small" | "main", entry: Entry, uses: number): Eviction => {
  const line = self[queue]
  const resident: Resident = { entry, uses, queue, place: line.queue.tail }
  return {
    ...self,
    residents: HashMap.set(self.residents, entry.key, resident),
    [queue]: { queue: Queue.push(line.queue, entry.key), bytes: line.bytes + entry.weight },
  }
}

const replace = (self: Eviction, old: Resident, entry: Entry): Eviction => {
  const line = self[old.queue]
  return {
    ...self,
    residents: HashMap.set(self.residents, entry.key, { ...old, entry }),
    [old.queue]: { ...line, bytes: line.bytes + entry.weight - old.entry.weight },
  }
}

/**
 * Evicts until what is left is within `room`, or nobody is left; the queues' parts are measured against
 * `bounds`.
 */
const makeRoom = (
  self: Eviction,
  room: Bounds,
  bounds: Bounds = room,
): readonly [evicted: ReadonlyArray<Entry>, next: Eviction] => {
  const evicted: Array<Entry> = []
  let next = self
  let spared = 0
  while (size(next) > room.maxEntries || bytes(next) > room.maxBytes) {
    const maySpare = spared < MAX_SPARED
    const [left, after] = takesMain(next, bounds) ? fromMain(next, maySpare) : fromSmall(next, maySpare)
    if (after === next) break
    if (left === undefined) spared++
    else evicted.push(left)
    next = after
  }
  return [evicted, forgetGhosts(next, MAX_FORGOTTEN + evicted.length)]
}

const takesMain = (self: Eviction, bounds: Bounds): boolean =>
  Queue.size(self.small.queue) === 0 ||
  Queue.size(self.main.queue) > MAIN_PART * bounds.maxEntries ||
  self.main.bytes > MAIN_PART * bounds.maxBytes

type Step = readonly [evicted: Entry | undefined, next: Eviction]

/** Takes the oldest of a line out of it and of the residents. */
const takeOldest = (self: Eviction, name: "small" | "main"): Option.Option<readonly [Resident, Eviction]> =>
  Option.flatMap(Queue.pop(self[name].queue), ([key, queue]) =>
    Option.map(HashMap.get(self.residents, key), (resident) => [
      resident,
      {
        ...self,
        residents: HashMap.remove(self.residents, key),
        [name]: { queue, bytes: self[name].bytes - resident.entry.weight },
      },
    ]),
  )

const fromSmall = (self: Eviction, maySpare: boolean): Step => {
  const oldest = takeOldest(self, "small")
  if (Option.isNone(oldest)) return [undefined, self]
  const [resident, next] = oldest.value
  if (maySpare && resident.uses >= USES_TO_STAY) return [undefined, enter(next, "main", resident.entry, 0)]
  return [resident.entry, rememberGhost(next, resident.entry.key)]
}

const fromMain = (self: Eviction, maySpare: boolean): Step => {
  const oldest = takeOldest(self, "main")
  if (Option.isNone(oldest)) return [undefined, self]
  const [resident, next] = oldest.value
  if (maySpare && resident.uses > 0)
    return [undefined, enter(next, "main", resident.entry, resident.uses - 1)]
  return [resident.entry, next]
}

const rememberGhost = (self: Eviction, key: Key): Eviction => ({
  ...self,
  ghosts: HashMap.set(self.ghosts, key, self.ghostOrder.tail),
  ghostOrder: Queue.push(self.ghostOrder, key),
})

/** As many ghosts as the main queue has room, counted by who is resident now, so that bytes bound them too. */
const forgetGhosts = (self: Eviction, budget: number): Eviction => {
  let next = self
  for (let step = 0; step < budget && HashMap.size(next.ghosts) > MAIN_PART * size(next); step++) {
    const oldest = Queue.pop(next.ghostOrder)
    if (Option.isNone(oldest)) return next
    const [key, ghostOrder] = oldest.value
    next = { ...next, ghosts: HashMap.remove(next.ghosts, key), ghostOrder }
  }
  return next
}
