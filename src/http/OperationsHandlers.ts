/** What operators and scripts ask. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { Backup, type Report } from "../background/Backup.ts"
import { Health } from "../background/Health.ts"
import { Cache } from "../cache/Cache.ts"
import { Store } from "../store/Store.ts"
import { Api } from "./api/Api.ts"
import * as Problems from "./api/Problems.ts"

const MILLIS_PER_SECOND = 1_000

const reportOf = (report: Report) => ({ ...report, at: DateTime.formatIso(report.at) })

const lastOf = (last: Option.Option<Report>) => Option.getOrNull(Option.map(last, reportOf))

export const layer = HttpApiBuilder.group(
  Api,
  "operations",
  Effect.fnUntraced(function* (handlers) {
    const cache = yield* Cache
    const store = yield* Store
    const backup = yield* Backup
    const health = yield* Health
    const startedAt = yield* Clock.currentTimeMillis

    return handlers
      .handle(
        "getStats",
        Effect.fnUntraced(function* () {
          const { since, status } = yield* health.store
          const now = yield* Clock.currentTimeMillis
          return {
            ...(yield* cache.stats),
            tracker: "none" as const,
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
        Effect.map(health.store, ({ reason, status }) =>
          status === "up"
            ? { status: "ready" as const, reasons: [] }
            : { status: "degraded" as const, reasons: [`the store does not answer: ${reason ?? "unknown"}`] },
        ),
      )
      .handle("getMetrics", () => PrometheusMetrics.format())
  }),
)
