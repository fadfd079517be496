/** What operators and scripts ask: counters, backups, health, metrics. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "./Access.ts"
import * as Problems from "./Problems.ts"

const Count = Schema.Int

/** What a backup round found. */
export const BackupReport = Schema.Struct({
  checked: Count.annotate({ description: "entries of L1 compared with the store" }),
  changed: Count.annotate({ description: "entries that the store had otherwise; L1 has them now" }),
  removed: Count.annotate({ description: "entries that the store had no more; nor has L1" }),
  added: Count.annotate({ description: "values of the store that L1 took in" }),
  alarms: Count.annotate({
    description: "differences that no write explains; with a live tracker there should be none",
  }),
  millis: Count,
  at: Schema.String.annotate({ description: "when the round began" }),
  stopped: Schema.Literals(["complete", "compared", "no-room", "store-unavailable", "not-live"]).annotate({
    description:
      "`complete`: all of L1 compared, all of the store seen; `compared`: the store has more keys than L1 has free room and was not listed; `no-room`: L1 filled up; `store-unavailable`: the store failed; `not-live`: the tracker was not live, so nothing was compared",
  }),
}).annotate({ identifier: "BackupReport" })

/** The answer to `GET /stats`. */
export const Stats = Schema.Struct({
  entries: Count,
  bytes: Count.annotate({ description: "what the entries weigh, overhead included" }),
  capacity: Schema.Struct({ maxEntries: Count, maxBytes: Count }),
  hits: Count,
  misses: Count,
  stale: Count.annotate({ description: "reads answered past freshness because the store did not answer" }),
  fills: Count.annotate({ description: "answers of the store that entered L1" }),
  fillsDropped: Count.annotate({ description: "answers that a write or an invalidation had overtaken" }),
  filling: Count.annotate({ description: "questions to the store in flight" }),
  collapsed: Count.annotate({ description: "reads that joined a question in flight" }),
  evicted: Count,
  expired: Count,
  invalidated: Count,
  replaced: Count,
  epoch: Count.annotate({ description: "grows whenever everything in L1 became uncertain at once" }),
  tracker: Schema.Literals(["live", "arming", "down", "unsupported", "none"]).annotate({
    description:
      "the feed of invalidations; while it is `arming` or `down` reads go to the store; `unsupported`: the server refuses it, and copies live for UNTRACKED_TTL; `none`: nobody else writes",
  }),
  stalenessMillis: Schema.NullOr(
    Schema.Struct({ p50: Schema.Number, p99: Schema.Number, max: Schema.Number }),
  ).annotate({
    description:
      "how long a write takes to be heard of here, sending included, measured once a second; null: not measured",
  }),
  store: Schema.Struct({
    kind: Schema.Literals(["redis", "sqlite", "memory"]),
    status: Schema.Literals(["up", "down"]),
    since: Schema.String,
  }),
  lastResync: Schema.NullOr(BackupReport),
  uptime: Schema.Number.annotate({ description: "seconds" }),
}).annotate({ identifier: "Stats" })

/** The answer to `GET /readyz`. */
export const Readiness = Schema.Struct({
  status: Schema.Literals(["ready", "degraded"]),
  reasons: Schema.Array(Schema.String),
}).annotate({ identifier: "Readiness" })

const stats = HttpApiEndpoint.get("getStats", "/stats", { success: Stats })
  .annotateMerge(OpenApi.annotations({ identifier: "getStats", summary: "Counters and state" }))
  .annotateMerge(Access.needs({ keys: "none" }))

const lastBackup = HttpApiEndpoint.get("getBackup", "/backup", {
  success: Schema.Struct({
    last: Schema.NullOr(BackupReport),
    rounds: Count,
    failed: Count.annotate({ description: "rounds that a failing store ended" }),
  }).annotate({ identifier: "BackupStatus" }),
})
  .annotateMerge(OpenApi.annotations({ identifier: "getBackup", summary: "What the last backup found" }))
  .annotateMerge(Access.needs({ scope: "admin", keys: "none" }))

const runBackup = HttpApiEndpoint.post("runBackup", "/backup", {
  success: BackupReport,
  error: Problems.BackupRunning,
})
  .annotateMerge(
    OpenApi.annotations({ identifier: "runBackup", summary: "Bring what changed in the store into L1, now" }),
  )
  .annotateMerge(Access.needs({ scope: "admin", keys: "none" }))

const probe = { scope: "open", keys: "none", probe: true } as const

const livez = HttpApiEndpoint.get("getLiveness", "/livez", {
  success: Schema.Struct({ status: Schema.Literal("alive") }).annotate({ identifier: "Liveness" }),
})
  .annotateMerge(OpenApi.annotations({ identifier: "getLiveness", summary: "Whether the process is up" }))
  .annotateMerge(Access.needs(probe))

const readyz = HttpApiEndpoint.get("getReadiness", "/readyz", {
  success: Readiness,
})
  .annotateMerge(
    OpenApi.annotations({
      identifier: "getReadiness",
      summary: "Whether it serves as it should",
      description: "`degraded`: the store does not answer; what L1 holds is served.",
    }),
  )
  .annotateMerge(Access.needs(probe))

const metrics = HttpApiEndpoint.get("getMetrics", "/metrics", {
  success: Schema.String.pipe(
    HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }),
  ),
})
  .annotateMerge(
    OpenApi.annotations({ identifier: "getMetrics", summary: "Counters in the Prometheus format" }),
  )
  .annotateMerge(Access.needs({ keys: "none" }))

/** Stats, backups, health and metrics. */
export const OperationsGroup = HttpApiGroup.make("operations")
  .add(stats, lastBackup, runBackup, livez, readyz, metrics)
  .annotateMerge(OpenApi.annotations({ title: "operations", description: "For operators and scripts." }))
