/**
 * The resync of L1 with the store: on a schedule, and on demand.
 *
 * A round walks a snapshot of L1 in slices. For each slice it takes fill tokens, tells the store in one round
 * trip what L1 has, and repairs what differs (`core/Resync.ts`). Of small values the store sends what it has, of
 * large ones whether they are the same, and only those that are not. Keys that are being fetched or written
 * anyway are left to that. Then, when the store has fewer keys than L1 has free room, it lists the
 * store and takes in what L1 lacks, never evicting for it.
 *
 * With a live tracker L1 is coherent without this, and a round is a proof of it: a difference that no write
 * explains is an alarm in the report (SWAPDB, which Redis announces to nobody, is one that can be made).
 *
 * A store that fails ends the round, not the fiber: it is logged, counted and tried again on schedule.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { L1 } from "../cache/L1.ts"
import type { Store } from "../store/Store.ts"
import type { Tracker } from "../store/Tracker.ts"
import * as BackupRound from "./BackupRound.ts"

export interface Report extends Readonly<BackupRound.Found> {
  readonly millis: number
  /** When the round began. */
  readonly at: DateTime.Utc
  readonly stopped: BackupRound.Stopped
}

/** A round is under way. */
export class BackupRunning extends Schema.TaggedError<BackupRunning>()("BackupRunning", {}) {}

/** Sums over all rounds. */
export interface Totals extends Readonly<BackupRound.Found> {
  readonly rounds: number
  /** Rounds that a failing store or tracker ended. */
  readonly failed: number
}

export class Backup extends Context.Service<
  Backup,
  {
    /** Runs a round now. */
    readonly run: Effect.Effect<Report, BackupRunning>
    /** What the last round found. */
    readonly last: Effect.Effect<Option.Option<Report>>
    readonly totals: Effect.Effect<Totals>
  }
>()("cache-mechanism/background/Backup") {}

export interface Options extends BackupRound.Options {
  readonly every: Duration.Input
}

const make = Effect.fnUntraced(function* (options: Options) {
  const l1 = yield* L1
  const resync = yield* BackupRound.make(options)
  const running = yield* Ref.make(false)
  const lastReport = yield* Ref.make(Option.none<Report>())
  const totals = yield* Ref.make<Totals>({ rounds: 0, failed: 0, ...BackupRound.nothing })

  const round = Effect.gen(function* () {
    const at = yield* DateTime.now
    const began = l1.now()
    const found: BackupRound.Found = { ...BackupRound.nothing }
    const stopped = yield* resync(found).pipe(
      Effect.catchTag("StoreUnavailable", (error) =>
        Effect.as(
          Effect.annotateLogs(Effect.logWarning("backup stopped: store unavailable"), "reason", error.reason),
          "store-unavailable" as const,
        ),
      ),
    )
    const report: Report = { ...found, millis: Math.round(l1.now() - began), at, stopped }
    yield* Ref.set(lastReport, Option.some(report))
    yield* Ref.update(totals, (before) => ({
      rounds: before.rounds + 1,
      failed: before.failed + (stopped === "store-unavailable" || stopped === "not-live" ? 1 : 0),
      checked: before.checked + found.checked,
      changed: before.changed + found.changed,
      removed: before.removed + found.removed,
      added: before.added + found.added,
      alarms: before.alarms + found.alarms,
    }))
    if (found.alarms > 0) {
      yield* Effect.annotateLogs(
        Effect.logError("coherence alarm: L1 differed from the store and no write explains it"),
        "alarms",
        found.alarms,
      )
    }
    yield* Effect.annotateLogs(Effect.logInfo("backup"), { ...report, at: DateTime.formatIso(at) })
    return report
  })

  const run = Effect.acquireUseRelease(
    Effect.flatMap(Ref.getAndSet(running, true), (already) =>
      already ? Effect.fail(new BackupRunning()) : Effect.void,
    ),
    () => round,
    () => Ref.set(running, false),
  )

  const scheduled = run.pipe(
    Effect.catchTag("BackupRunning", () => Effect.void),
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) => Effect.logError("backup failed", cause),
    ),
  )
  yield* Effect.forkScoped(
    Effect.repeat(Effect.andThen(Effect.sleep(options.every), scheduled), Schedule.forever),
  )

  return Backup.of({ run, last: Ref.get(lastReport), totals: Ref.get(totals) })
})

/** The service, and the fiber that runs a round every `options.every`, the first after that time. */
export const layer = (options: Options): Layer.Layer<Backup, never, L1 | Store | Tracker> =>
  Layer.effect(Backup, make(options))
