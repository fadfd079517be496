/** A few seconds of a run: everybody writes and things break; then it is quiet, and only the readers go on. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Cache } from "../../src/cache/Cache.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as Actors from "./Actors.ts"
import * as Faults from "./Faults.ts"
import * as Foreign from "./Foreign.ts"
import type { ForeignBatch } from "./ForeignLog.ts"
import type { History } from "./History.ts"
import * as Keys from "./Keys.ts"
import type { Seeded } from "./Seeded.ts"
import { Servers } from "./Servers.ts"

export interface Options {
  readonly seconds: number
  readonly seed: number
  readonly scene: Actors.Scene
  /** A writer of ours each. */
  readonly writers: ReadonlyArray<Seeded>
  readonly breakers: ReadonlyArray<Faults.Breaker>
  /** Told what foreign writers did. */
  readonly tell: (batch: ForeignBatch) => void
}

const FOREIGN_PAUSE_MILLIS = 1
/** Until the tracker is live again and the readers have read everything. */
const QUIET_WITHIN = "20 seconds"
const READ_ALL_ROUNDS = 3
const MILLIS_PER_SECOND = 1_000

/** False: it does not become quiet. Longer than its seconds when something still breaks. */
export const play = Effect.fnUntraced(function* ({ breakers, scene, seconds, seed, tell, writers }: Options) {
  const { kind, routes } = yield* Servers
  const stopForeign = yield* Foreign.start(
    {
      routes,
      isSharded: kind === "cluster",
      seed,
      acknowledged: scene.history.floors.foreign,
      pauseMillis: FOREIGN_PAUSE_MILLIS,
    },
    tell,
  )
  const end = performance.now() + seconds * MILLIS_PER_SECOND
  const isOver = () => performance.now() > end
  const breaking = yield* Effect.forkScoped(Faults.runAll(breakers, isOver))
  const isDone = () => isOver() && breaking.pollUnsafe() !== undefined
  const own = yield* Effect.forEach(writers, (random, index) =>
    Effect.forkScoped(Actors.writer({ ...scene, isOver: isDone }, random, index)),
  )
  yield* Fiber.join(breaking)
  yield* Effect.forEach(own, Fiber.join)
  yield* stopForeign
  return yield* quiet(scene.history)
}, Effect.scoped)

/** Waits, without writers, until the tracker is live and every key has been read; false when that never is. */
export const quiet = Effect.fnUntraced(function* (history: History) {
  const tracker = yield* Tracker
  const { get } = yield* Cache
  const all = Effect.forEach(Keys.names, (name) => get(name), { discard: true })
  const calm = Effect.gen(function* () {
    // More than once: answers of questions that were overtaken do not enter.
    for (let round = 0; round < READ_ALL_ROUNDS; round++) yield* all
    yield* Actors.fenceOnce(history, tracker)
    yield* all
  })
  return yield* Effect.isSuccess(
    calm.pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.timeout(QUIET_WITHIN)),
  )
})
