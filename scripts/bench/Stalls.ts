/**
 * The longest that one transition of ours holds the main thread, at many entries: in a process of its own.
 * Argument: entries. Prints JSON.
 *
 * A transition that was slow is repeated on the same state, which never changes: the shortest time of those is
 * its own work, since neither the collector nor another process can have been in all of them.
 */
import * as CacheState from "../../src/core/CacheState.ts"
import { type Entry, weigh } from "../../src/core/Entry.ts"
import * as Workload from "./Workload.ts"

const size = Number(process.argv[2])

const SECOND = 1_000
/** The defaults of the service, in short: how long entries live, and over what time they die. */
const TTL_MILLIS = 300 * SECOND
const JITTER_MILLIS = 30 * SECOND
const STRIDE = 7_919
/** Entries that a sweep takes out in one turn of the event loop. */
const SWEEP = 50

const MANY = Math.min(200_000, size)
const FEW = 5
const MANY_USES = 16
const HEAVY_BYTES = 8 * 1024 * 1024
const SLOW_MILLIS = 0.2
const REPEATS = 5

interface Longest {
  count: number
  /** Own work. */
  millis: number
  /** The first time, whatever came in between. */
  clockMillis: number
}

const longest: Record<string, Longest> = {}

const clock = <A>(transition: () => A): readonly [A, number] => {
  const start = performance.now()
  const outcome = transition()
  return [outcome, performance.now() - start]
}

/** Applies a transition and notes how long it took. */
const timed = <A>(name: string, transition: () => A): A => {
  const [outcome, clockMillis] = clock(transition)
  let millis = clockMillis
  for (let repeat = 1; repeat < REPEATS && millis > SLOW_MILLIS; repeat++)
    millis = Math.min(millis, clock(transition)[1])
  const noted = (longest[name] ??= { count: 0, millis: 0, clockMillis: 0 })
  noted.count++
  noted.millis = Math.max(noted.millis, millis)
  noted.clockMillis = Math.max(noted.clockMillis, clockMillis)
  return outcome
}

const bounds = { maxEntries: size, maxBytes: size * Workload.newEntry(Workload.newKey()).weight }
let state = CacheState.make(bounds)
let now = Workload.NOW
let made = 0

const newEntry = (key: string, jitterMillis: number): Entry => {
  const freshUntil = now + TTL_MILLIS - ((made++ * STRIDE) % jitterMillis)
  return { ...Workload.newEntry(key), confirmedAt: now, freshUntil, deadAt: freshUntil }
}

const fill = (name: string, entry: Entry): void => {
  const [begun, asked] = timed("beginRead", () => CacheState.beginRead(state, entry.key))
  state = timed(name, () => CacheState.settle(asked, begun.token, entry, now))[1]
}

/** Until there is room no more; the keys that entered. */
const fillUp = (jitterMillis: number): ReadonlyArray<string> => {
  const keys: Array<string> = []
  while (CacheState.size(state) < size) {
    const key = Workload.newKey()
    keys.push(key)
    fill("settle, room left", newEntry(key, jitterMillis))
  }
  return keys
}

const admitNew = (count: number): void => {
  for (let done = 0; done < count; done++)
    fill("settle, one leaves", newEntry(Workload.newKey(), JITTER_MILLIS))
}

/** Uses every key until that makes no difference: the worst for a policy that spares what was used. */
const useAll = (keys: ReadonlyArray<string>): void => {
  for (let use = 0; use < MANY_USES; use++) {
    const before = state
    for (const key of keys) state = timed("touch", () => CacheState.touch(state, key))
    if (state === before) return
  }
}

const writeOver = (keys: ReadonlyArray<string>): void => {
  for (const key of keys) {
    const [token, sent] = timed("beginWrite", () => CacheState.beginWrite(state, key))
    const entry = newEntry(key, JITTER_MILLIS)
    state = timed("settleWrite", () => CacheState.settleWrite(sent, token, entry, now))[1]
  }
}

/** How many leave for one heavy value; the state knows it by its weight only. */
const admitHeavy = (): number => {
  const { evicted } = state.counts
  const key = Workload.newKey()
  const weight = weigh(key, HEAVY_BYTES)
  fill("settle, 8 MiB", { ...newEntry(key, JITTER_MILLIS), weight })
  return state.counts.evicted - evicted
}

/** In slices, as the service does, until nobody is due or enough have been measured. */
const sweep = (name: string): void => {
  for (let swept = 0; swept < MANY; swept += SWEEP) {
    const [removed, next] = timed(name, () => CacheState.expire(state, now, SWEEP))
    state = next
    if (removed.length === 0) return
  }
}

const keys = fillUp(JITTER_MILLIS)
useAll(keys)
admitNew(MANY)
writeOver(keys.slice(-MANY))
const leftForHeavy: Array<number> = []
for (let round = 0; round < FEW; round++) {
  leftForHeavy.push(admitHeavy())
  admitNew(MANY / FEW)
}
for (let round = 0; round < FEW; round++) timed("invalidateAll", () => CacheState.invalidateAll(state))
now += TTL_MILLIS - JITTER_MILLIS
for (let second = 0; second * SECOND <= JITTER_MILLIS; second++, now += SECOND) sweep("expire, each second")
state = CacheState.invalidateAll(state)[1]
fillUp(1)
now += TTL_MILLIS + SECOND
sweep("expire, all in one second")
admitNew(FEW)
console.log(JSON.stringify({ entries: size, leftForHeavy: Math.max(...leftForHeavy), longest }))
