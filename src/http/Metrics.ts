/** The counters and gauges of `GET /metrics`: read from the state when they are asked for. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import { Backup, type Report, type Totals } from "../background/Backup.ts"
import { STOPPED } from "../background/BackupRound.ts"
import { Follow } from "../background/Follow.ts"
import { Health } from "../background/Health.ts"
import { Cache } from "../cache/Cache.ts"
import { Changes } from "../cache/Changes.ts"
import * as Staleness from "../core/Staleness.ts"

const MILLIS_PER_SECOND = 1_000

const STALENESS_SECONDS = Staleness.BOUNDS.map((millis) => millis / MILLIS_PER_SECOND)

export const layer: Layer.Layer<never, never, Cache | Changes | Backup | Health | Follow> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const cache = yield* Cache
      const backup = yield* Backup
      const health = yield* Health
      const follow = yield* Follow
      const changes = yield* Changes
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
      yield* gauge("subscribers", "who listens to /events", Effect.sync(changes.subscribers))
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
      const last = (measure: (report: Report) => number) =>
        Effect.map(backup.last, Option.match({ onNone: () => 0, onSome: measure }))
      yield* gauge(
        "backup_last_duration_seconds",
        "how long the last backup took; 0: there was none",
        last(({ millis }) => millis / MILLIS_PER_SECOND),
      )
      yield* gauge(
        "backup_last_timestamp_seconds",
        "when the last backup began, in Unix time; 0: there was none",
        last(({ at }) => DateTime.toEpochMillis(at) / MILLIS_PER_SECOND),
      )
      for (const stopped of STOPPED) {
        yield* gauge(
          `backup_last_stopped_${stopped.replaceAll("-", "_")}`,
          `1 if the last backup ended as "${stopped}", else 0`,
          last((report) => (report.stopped === stopped ? 1 : 0)),
        )
      }
      const total = (name: keyof Totals) => Effect.map(backup.totals, (totals) => totals[name])
      yield* counter("backup_checked", "entries of L1 that backups compared with the store", total("checked"))
      yield* counter("backup_changed", "entries that the store had otherwise", total("changed"))
      yield* counter("backup_removed", "entries that the store had no more", total("removed"))
      yield* counter("backup_added", "values of the store that backups took in", total("added"))
      yield* counter("coherence_alarms", "differences that no write explains; should be 0", total("alarms"))
      yield* gauge(
        "tracker_live",
        "1 while every write of others is heard of, else 0",
        Effect.sync(() => (follow.status() === "live" || follow.status() === "none" ? 1 : 0)),
      )
      yield* register(
        Metric.histogram("cache_mechanism_staleness_seconds", {
          description: "how long a write takes to be heard of here, sending included",
          boundaries: STALENESS_SECONDS,
        }),
        Effect.sync(() => {
          const measured = follow.staleness()
          let below = 0
          const buckets = STALENESS_SECONDS.map((bound, index): [number, number] => {
            below += measured.counts[index] ?? 0
            return [bound, below]
          })
          return {
            buckets,
            count: measured.count,
            min: 0,
            max: measured.maxMillis / MILLIS_PER_SECOND,
            sum: measured.sumMillis / MILLIS_PER_SECOND,
          }
        }),
      )
    }),
  )
