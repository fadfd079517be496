/** The counters and gauges of `GET /metrics`: read from the state when they are asked for. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { Backup } from "../background/Backup.ts"
import { Health } from "../background/Health.ts"
import { Cache } from "../cache/Cache.ts"

export const layer: Layer.Layer<never, never, Cache | Backup | Health> = Layer.effectDiscard(
  Effect.gen(function* () {
    const cache = yield* Cache
    const backup = yield* Backup
    const health = yield* Health
    const context = yield* Effect.context<never>()

    const register = <State>(metric: Metric.Metric<number, State>, get: Effect.Effect<State>) =>
      Effect.acquireRelease(
        Effect.sync(() =>
          Metric.registerUnsafe(metric, context, {
            // Everything read here is in memory and synchronous.
            get: () => Effect.runSyncWith(context)(get),
            update: () => {},
            modify: () => {},
          }),
        ),
        (registration) => Effect.sync(registration.remove),
      )

    const counter = (name: string, description: string, count: Effect.Effect<number>) =>
      register(
        Metric.counter(`cache_mechanism_${name}_total`, { description, incremental: true }),
        Effect.map(count, (value) => ({ count: value, incremental: true })),
      )

    const gauge = (name: string, description: string, value: Effect.Effect<number>) =>
      register(
        Metric.gauge(`cache_mechanism_${name}`, { description }),
        Effect.map(value, (current) => ({ value: current })),
      )

    const stat = (name: Exclude<keyof Effect.Success<typeof cache.stats>, "capacity">) =>
      Effect.map(cache.stats, (stats) => stats[name])

    yield* counter("hits", "reads answered from L1, fresh", stat("hits"))
    yield* counter("misses", "reads that had to ask the store", stat("misses"))
    yield* counter("stale", "reads answered past freshness as the store did not answer", stat("stale"))
    yield* counter("collapsed", "reads that joined a question in flight", stat("collapsed"))
    yield* counter("fills", "answers of the store that entered L1", stat("fills"))
    yield* counter("fills_dropped", "answers that did not enter L1", stat("fillsDropped"))
    yield* counter("evicted", "entries that left for room", stat("evicted"))
    yield* counter("expired", "entries that left because of time", stat("expired"))
    yield* counter(
      "invalidated",
      "entries that left because they were or may have been wrong",
      stat("invalidated"),
    )
    yield* counter("replaced", "entries that left for a newer value", stat("replaced"))
    yield* gauge("entries", "entries in L1", stat("entries"))
    yield* gauge("bytes", "what the entries in L1 weigh, overhead included", stat("bytes"))
    yield* gauge("epoch", "grows whenever everything in L1 became uncertain", stat("epoch"))
    yield* gauge(
      "store_up",
      "1 when the store answers, else 0",
      Effect.map(health.store, ({ status }) => (status === "up" ? 1 : 0)),
    )
    yield* counter(
      "backup_rounds",
      "backup rounds that ended",
      Effect.map(backup.totals, ({ rounds }) => rounds),
    )
    yield* counter(
      "backup_rounds_failed",
      "backup rounds that a failing store ended",
      Effect.map(backup.totals, ({ failed }) => failed),
    )
    yield* counter(
      "backup_repaired",
      "entries that backup rounds changed, removed or added",
      Effect.map(backup.totals, ({ repaired }) => repaired),
    )
  }),
)
