/**
 * The whole library over a real Redis, with many readers, writers of our own, foreign writers in another
 * thread, and things that break; and a checker that holds every read against the history.
 *
 * It has acts of a few seconds. After each the writers stop and the readers go on, so that L1 is full when it
 * is compared with Redis.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Sweep from "../../src/background/Sweep.ts"
import * as Cache from "../../src/cache/Cache.ts"
import * as Changes from "../../src/cache/Changes.ts"
import * as L1 from "../../src/cache/L1.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Actors from "./Actors.ts"
import * as Delayed from "./Delayed.ts"
import * as Faults from "./Faults.ts"
import * as Foreign from "./Foreign.ts"
import type { ForeignBatch } from "./ForeignLog.ts"
import { Heard, spreadOf } from "./Heard.ts"
import { History } from "./History.ts"
import * as Keys from "./Keys.ts"
import * as Leaks from "./Leaks.ts"
import * as Rest from "./Rest.ts"
import * as Seeded from "./Seeded.ts"
import * as Unguarded from "./Unguarded.ts"
import { Violations } from "./Violations.ts"

export interface Options {
  /** How long writers write, in all. */
  readonly seconds: number
  readonly seed: number
  readonly faults: ReadonlyArray<Faults.Fault>
  /** False: fills are not withdrawn. The checker must see it. */
  readonly guard: boolean
  /** Called after each act. */
  readonly onProgress?: (line: string) => void
}

const ACT_SECONDS = 2
/** What is stale for good is what raced with the last write before it was quiet: that has to happen often. */
const UNGUARDED_ACT_SECONDS = 0.5
const READERS = 24
const WRITERS = 4
const TIMEOUT_MILLIS = 400
const FOREIGN_PAUSE_MILLIS = 1
/** Fewer than there are keys: some leave for want of room. */
const BOUNDS = { maxEntries: Keys.COUNT - 10, maxBytes: 100_000_000 }
const LIFETIME = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0.1 }
const UNTRACKED_TTL_MILLIS = 1_000
/** Without the guard the backup would repair what the checker is to see at rest. */
const backupEvery = (guard: boolean) => (guard ? "700 millis" : "1 hour")
const FIRST_WRITER = 50
const FIRST_READER = 10
/** Until the tracker is live again and the readers have read everything. */
const QUIET_SECONDS = 20
const READ_ALL_ROUNDS = 3
const HEAP_GROWTH_MAX = 1.5
const HEAP_GROWTH_MAX_MIB = 48

const stack = (url: string, random: Seeded.Seeded, heard: Heard, guard: boolean) => {
  const options = { url, keyPrefix: "", timeoutMillis: TIMEOUT_MILLIS }
  return Layer.mergeAll(
    Backup.layer({ every: backupEvery(guard), lifetime: LIFETIME }),
    Follow.layer({ untrackedTtlMillis: UNTRACKED_TTL_MILLIS }),
    Sweep.layer,
  ).pipe(
    Layer.provideMerge(Cache.layerOver(LIFETIME)),
    Layer.provideMerge(Changes.layer({ maxSubscribers: 1 })),
    Layer.provideMerge(guard ? L1.layer(BOUNDS) : Unguarded.layer(BOUNDS)),
    Layer.provideMerge(Delayed.layer(random, StoreRedis.layer(options))),
    Layer.provideMerge(heard.over(TrackerRedis.layer(options))),
  )
}

interface Foreign {
  writes: number
  flushes: number
  unknown: number
}

/** Writers write and things break; then it is quiet, and L1 is compared with Redis. */
const act = Effect.fnUntraced(function* (
  seconds: number,
  reading: Actors.Scene,
  writers: ReadonlyArray<Seeded.Seeded>,
  faults: ReturnType<typeof Faults.make>,
  foreign: Omit<Parameters<typeof Foreign.start>[0], "acknowledged" | "pauseMillis">,
  tell: Parameters<typeof Foreign.start>[1],
) {
  const end = performance.now() + seconds * 1_000
  const isOver = () => performance.now() > end
  const { history } = reading
  const own = yield* Effect.forEach(writers, (random, index) =>
    Effect.forkScoped(Actors.writer({ ...reading, isOver }, random, index)),
  )
  const stopForeign = yield* Foreign.start(
    { ...foreign, acknowledged: history.foreignAcknowledged, pauseMillis: FOREIGN_PAUSE_MILLIS },
    tell,
  )
  const breaking = yield* Effect.forkScoped(faults.run(isOver))
  yield* Effect.sleep(`${seconds} seconds`)
  yield* Fiber.join(breaking)
  yield* Effect.forEach(own, Fiber.join)
  yield* stopForeign
  return yield* quiet(reading)
}, Effect.scoped)

/** Everything after the server is there. */
const play = Effect.fnUntraced(function* (
  options: Options,
  server: RedisServer.RedisServer["Service"],
  violations: Violations,
  heard: Heard,
) {
  const { faults, guard, seconds, seed } = options
  const history = new History(violations)
  const tally = Actors.tally()
  const foreign: Foreign = { writes: 0, flushes: 0, unknown: 0 }
  const rest = { acts: 0, entries: 0, trusted: 0, stale: 0 }
  const acts = Math.max(1, Math.round(seconds / (guard ? ACT_SECONDS : UNGUARDED_ACT_SECONDS)))
  const random = (stream: number) => Seeded.make(seed, stream)
  let over = false
  const reading: Actors.Scene = { history, tally, isOver: () => over }
  const breaker = Faults.make({ server, history, faults, random: random(1), timeoutMillis: TIMEOUT_MILLIS })
  const writers = Array.from({ length: WRITERS }, (_, index) => random(FIRST_WRITER + index))

  const fibers = yield* Effect.forEach(
    [
      ...Array.from({ length: READERS }, (_, index) => Actors.reader(reading, random(FIRST_READER + index))),
      Actors.fencer(reading),
      Actors.resolver(reading, Faults.ping(server.port)),
    ],
    (actor) => Effect.forkScoped(actor),
  )
  const tell = (batch: ForeignBatch): void => {
    history.tell(batch)
    for (const write of batch.writes) {
      foreign.writes++
      if (write.key === Keys.ALL) foreign.flushes++
      if (write.end === Infinity) foreign.unknown++
      if (Keys.isProbe(write.key)) heard.wrote(Keys.name(write.key), write)
    }
    heard.settle()
  }

  const heaps: Array<number> = []
  for (let index = 0; index < acts; index++) {
    const from = { port: server.port, seed: seed + index }
    const isQuiet = yield* act(seconds / acts, reading, writers, breaker, from, tell)
    const { entries, stale, trusted } = yield* Rest.compare(server)
    rest.acts++
    rest.entries += entries
    rest.trusted += trusted
    rest.stale += stale.length
    for (const entry of stale) violations.add("staleAtRest", entry)
    if (!isQuiet || trusted === 0) violations.add("vacuous", { act: index, isQuiet, entries, trusted })
    heaps.push(Leaks.heap())
    options.onProgress?.(
      `act ${index + 1} of ${acts}: ${tally.reads} reads, ${tally.ownWrites + foreign.writes} writes, ` +
        `tracker lost ${heard.losses} times, ${violations.count} violations`,
    )
  }
  over = true
  yield* Effect.forEach(fibers, Fiber.join)
  heard.settle(Infinity)

  const backup = yield* Backup.Backup
  const round = yield* backup.run
  const totals = yield* backup.totals
  const stats = yield* (yield* Cache.Cache).stats
  for (let alarm = 0; alarm < totals.alarms; alarm++) violations.add("alarm", {})
  if (tally.hits === 0) violations.add("vacuous", tally)
  const [heapMiddle = 0, heapEnd = 0] = [heaps[Math.floor((heaps.length - 1) / 2)], heaps.at(-1)]
  if (heapEnd > heapMiddle * HEAP_GROWTH_MAX && heapEnd > heapMiddle + HEAP_GROWTH_MAX_MIB) {
    violations.add("memory", heaps)
  }
  return {
    ...tally,
    judged: history.judged,
    foreignWrites: foreign.writes,
    foreignUnknown: foreign.unknown,
    flushes: foreign.flushes,
    faults: breaker.counts,
    trackerLosses: heard.losses,
    fills: stats.fills,
    fillsDropped: stats.fillsDropped,
    evicted: stats.evicted,
    rest,
    backup: { rounds: totals.rounds, checked: totals.checked, alarms: totals.alarms, last: round.stopped },
    stalenessMillis: { ...spreadOf(heard.millis), missed: heard.missed },
    heapMiB: { middle: heapMiddle, end: heapEnd },
  }
})

/** Waits, without writers, until the tracker is live and every key has been read; false when that never is. */
const quiet = Effect.fnUntraced(function* ({ history }: Actors.Scene) {
  const tracker = yield* Tracker
  const { get } = yield* Cache.Cache
  const all = Effect.forEach(Keys.names, (name) => get(name), { discard: true })
  const calm = Effect.gen(function* () {
    // More than once: answers of questions that were overtaken do not enter.
    for (let round = 0; round < READ_ALL_ROUNDS; round++) yield* all
    const acknowledged = history.acknowledged()
    yield* tracker.fence
    history.fence(acknowledged)
    yield* all
  })
  return yield* Effect.isSuccess(
    calm.pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.timeout(`${QUIET_SECONDS} seconds`)),
  )
})

export type Figures = Effect.Success<ReturnType<typeof run>>

export const run = Effect.fnUntraced(function* (options: Options) {
  const violations = new Violations()
  const heard = new Heard((name) => Keys.isProbe(Keys.number(name) ?? -1))
  const began = performance.now()
  const { left, value } = yield* Leaks.leftBy(
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      return yield* Effect.provide(
        play(options, server, violations, heard),
        stack(server.url, Seeded.make(options.seed, 2), heard, options.guard),
      )
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
  )
  for (const kind of left) violations.add("leak", kind)
  return {
    seed: options.seed,
    seconds: options.seconds,
    tookSeconds: Math.round((performance.now() - began) / 100) / 10,
    guard: options.guard,
    ...value,
    left,
    violations: violations.byKind(),
    examples: violations.examples(),
  }
})
