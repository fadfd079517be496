/** What operators and scripts ask. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { Backup, type Report } from "../background/Backup.ts"
import { Follow } from "../background/Follow.ts"
import { Health, type StoreHealth } from "../background/Health.ts"
import { Cache } from "../cache/Cache.ts"
import * as Staleness from "../core/Staleness.ts"
import { Store } from "../store/Store.ts"
import { Api } from "./api/Api.ts"
import * as Problems from "./api/Problems.ts"

const MILLIS_PER_SECOND = 1_000

const reportOf = (report: Report) => ({ ...report, at: DateTime.formatIso(report.at) })

const stalenessOf = (measured: Staleness.Staleness) =>
  measured.count === 0
    ? null
    : {
        p50: Staleness.quantile(measured, 0.5),
        p99: Staleness.quantile(measured, 0.99),
        max: measured.maxMillis,
      }

const storeReasons = ({ reason, status }: StoreHealth): ReadonlyArray<string> =>
  status === "up" ? [] : [`the store does not answer: ${reason ?? "unknown"}`]

const trackerReasons = ({ reason, status }: Follow["Service"]): ReadonlyArray<string> =>
  status() === "live" || status() === "none" ? [] : [`the tracker is ${status()}: ${reason()}`]

const lastOf = (last: Option.Option<Report>) => Option.getOrNull(Option.map(last, reportOf))

export const layer = HttpApiBuilder.group(
  Api,
  "operations",
  Effect.fnUntraced(function* (handlers) {
    const cache = yield* Cache
    const store = yield* Store
    const backup = yield* Backup
    const health = yield* Health
    const follow = yield* Follow
    const startedAt = yield* Clock.currentTimeMillis

    return handlers
      .handle(
        "getStats",
        Effect.fnUntraced(function* () {
          const { since, status } = yield* health.store
          const now = yield* Clock.currentTimeMillis
          return {
            ...(yield* cache.stats),
            tracker: follow.status(),
            stalenessMillis: stalenessOf(follow.staleness()),
            store: { kind: store.kind, status, since: DateTime.formatIso(since) },
            lastResync: lastOf(yield* backup.last),
            uptime: (now - startedAt) / MILLIS_PER_SECOND,
          }
        }),
      )
      .handle("getBackup", () =>
        Effect.gen(function* () {
          const { failed, rounds } = yield* backup.totals
          return { last: lastOf(yield* backup.last), rounds, failed }
        }),
      )
      .handle("runBackup", () =>
        Effect.mapBoth(backup.run, {
          onSuccess: reportOf,
          onFailure: () => new Problems.BackupRunning({ detail: "its report will be under GET /backup" }),
        }),
      )
      .handle("getLiveness", () => Effect.succeed({ status: "alive" as const }))
      .handle("getReadiness", () =>
        Effect.map(health.store, (stored) => {
          const reasons = [...storeReasons(stored), ...trackerReasons(follow)]
          return { status: reasons.length === 0 ? ("ready" as const) : ("degraded" as const), reasons }
        }),
      )
      .handle("getMetrics", () => PrometheusMetrics.format())
  }),
)
