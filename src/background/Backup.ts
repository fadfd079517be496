/**
 * The resync of L1 with the store: on a schedule, and on demand.
 *
 * A round walks a snapshot of L1 in slices. For each slice it takes fill tokens, asks the store for the
 * values in one round trip, and repairs what differs (`core/Resync.ts`). Keys that are being fetched or
 * written anyway are left to that. Then, when the store has fewer keys than L1 has free room, it lists the
 * store and takes in what L1 lacks, never evicting for it.
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
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { entryOf } from "../cache/Content.ts"
import { L1 } from "../cache/L1.ts"
import * as CacheState from "../core/CacheState.ts"
import type { Key } from "../core/Entry.ts"
import type { Lifetime } from "../core/Lifetime.ts"
import * as Resync from "../core/Resync.ts"
import * as Snapshot from "../core/Snapshot.ts"
import { READ_MANY_CHUNK, Store, type StoreUnavailable } from "../store/Store.ts"

/** Why a round ended. */
export type Stopped =
  /** Everything in L1 was compared, and everything in the store was looked at. */
  | "complete"
  /** Everything in L1 was compared; the store has more keys than L1 has room, so it was not listed. */
  | "compared"
  /** L1 had no more room for what was added to the store. */
  | "no-room"
  | "store-unavailable"

export interface Report {
  readonly checked: number
  readonly changed: number
  readonly removed: number
  readonly added: number
  readonly millis: number
  /** When the round began. */
  readonly at: DateTime.Utc
  readonly stopped: Stopped
}

/** A round is under way. */
export class BackupRunning extends Schema.TaggedError<BackupRunning>()("BackupRunning", {}) {}

export interface Totals {
  readonly rounds: number
  /** Rounds that the store ended. */
  readonly failed: number
  /** Entries changed, removed or added. */
  readonly repaired: number
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

export interface Options {
  readonly every: Duration.Input
  readonly lifetime: Lifetime
}

interface Found {
  checked: number
  changed: number
  removed: number
  added: number
}

const make = Effect.fnUntraced(function* (options: Options) {
  const l1 = yield* L1
  const store = yield* Store
  const random = yield* Random.Random
  const running = yield* Ref.make(false)
  const lastReport = yield* Ref.make(Option.none<Report>())
  const totals = yield* Ref.make<Totals>({ rounds: 0, failed: 0, repaired: 0 })

  /** Compares at most `READ_MANY_CHUNK` keys with the store and repairs L1; `false` when there was no room. */
  const slice = Effect.fnUntraced(function* (keys: ReadonlyArray<Key>, found: Found, adopting: boolean) {
    const tokens = keys.flatMap((key) =>
      Option.toArray(l1.modify((state) => CacheState.beginResync(state, key))),
    )
    const askedAt = l1.now()
    const answers = yield* Effect.onExit(store.readMany(tokens.map((token) => token.key)), (exit) =>
      Effect.sync(() => {
        if (exit._tag === "Success") return
        for (const token of tokens) l1.modify((state) => [undefined, CacheState.abandon(state, token)])
      }),
    )
    let room = true
    tokens.forEach((token, index) => {
      const answer = answers[index]
      // A key that is no string of bytes any more is, for L1, a key without a value.
      const stored = answer === undefined ? Option.none() : Result.getOrElse(answer, () => Option.none())
      const entry = entryOf(options.lifetime, token.key, stored, askedAt, random.nextDoubleUnsafe())
      const finding = l1.modify((state) => Resync.reconcile(state, token, entry, l1.now(), adopting))
      if (!adopting) found.checked++
      if (finding === "changed" || finding === "removed" || finding === "added") found[finding]++
      if (finding === "no-room") room = false
    })
    return room
  })

  const compare = Effect.fnUntraced(function* (found: Found) {
    const snapshot = Snapshot.take(l1.current(), l1.now())
    let keys: Array<Key> = []
    for (const entry of snapshot.entries) {
      keys.push(entry.key)
      if (keys.length === READ_MANY_CHUNK) {
        yield* slice(keys, found, false)
        keys = []
      }
    }
    if (keys.length > 0) yield* slice(keys, found, false)
  })

  const adopt = Effect.fnUntraced(function* (found: Found): Effect.fn.Return<Stopped, StoreUnavailable> {
    const state = l1.current()
    const count = yield* store.count
    if (count >= state.bounds.maxEntries - CacheState.size(state)) return "compared"
    let cursor = Option.none<string>()
    do {
      const page = yield* Effect.catchTag(
        store.list({ prefix: "", limit: READ_MANY_CHUNK, cursor }),
        "BadCursor",
        Effect.die,
      )
      const now = l1.now()
      const lacking = page.keys.filter(({ key }) => CacheState.peek(l1.current(), key, now) === undefined)
      const room = yield* slice(
        lacking.map(({ key }) => key),
        found,
        true,
      )
      if (!room) return "no-room"
      cursor = page.cursor
    } while (Option.isSome(cursor))
    return "complete"
  })

  const round = Effect.gen(function* () {
    const at = yield* DateTime.now
    const began = l1.now()
    const found: Found = { checked: 0, changed: 0, removed: 0, added: 0 }
    const stopped = yield* compare(found).pipe(
      Effect.andThen(adopt(found)),
      Effect.catchTag("StoreUnavailable", (error) =>
        Effect.as(
          Effect.annotateLogs(Effect.logWarning("backup stopped: store unavailable"), "reason", error.reason),
          "store-unavailable" as const,
        ),
      ),
    )
    const report: Report = { ...found, millis: Math.round(l1.now() - began), at, stopped }
    yield* Ref.set(lastReport, Option.some(report))
    yield* Ref.update(totals, ({ failed, repaired, rounds }) => ({
      rounds: rounds + 1,
      failed: failed + (stopped === "store-unavailable" ? 1 : 0),
      repaired: repaired + found.changed + found.removed + found.added,
    }))
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
export const layer = (options: Options): Layer.Layer<Backup, never, L1 | Store> =>
  Layer.effect(Backup, make(options))
