/**
 * The truth in a file beside the service, when there is no Redis: durable (a write that was acknowledged
 * survives the process and the power) and for one process alone.
 *
 * Reads answer at once; writes are committed in groups (`GroupCommit.ts`).
 */
import type { DatabaseSync } from "node:sqlite"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Condition from "../core/Condition.ts"
import { type Key, RESERVED_PREFIX } from "../core/Entry.ts"
import * as Cursor from "./Cursor.ts"
import * as EntityTag from "./EntityTag.ts"
import * as Expiry from "./Expiry.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as SqliteFault from "./SqliteFault.ts"
import * as SqliteFile from "./SqliteFile.ts"
import * as SqliteTable from "./SqliteTable.ts"
import {
  type BadCursor,
  ConditionFailed,
  type Page,
  Store,
  type Stored,
  StoreUnavailable,
  type WriteError,
  type Written,
} from "./Store.ts"

export type StoreOpenFailed = SqliteFile.StoreOpenFailed

export interface Options {
  /** Holds `store.sqlite`; created when missing. */
  readonly directory: string
}

export const layer = (options: Options): Layer.Layer<Store, StoreOpenFailed> =>
  Layer.effect(Store, Effect.flatMap(SqliteFile.open(options.directory), make))

const cursors = Cursor.make("sqlite", Schema.String)

/** The store in a database that `SqliteFile.open` has prepared. */
export const make = Effect.fnUntraced(function* (
  database: DatabaseSync,
): Effect.fn.Return<Store["Service"], never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const now = () => clock.currentTimeMillisUnsafe()
  const table = SqliteTable.make(database, now)
  const group = yield* Effect.acquireRelease(
    Effect.sync(() => GroupCommit.make(table, (task) => dispatcher.scheduleTask(task, 0))),
    ({ close }) => Effect.sync(close),
  )

  const stored = (key: Key, at: number): Option.Option<Stored> =>
    Option.map(live(table.get(key), at), ({ expiresAt, value }) => ({
      bytes: value,
      ttlMillis: expiresAt - at,
    }))

  const attempt = <A>(work: () => A): Effect.Effect<A, StoreUnavailable> =>
    Effect.try({ try: work, catch: SqliteFault.unavailable })

  /** Runs within a transaction; the exit is the answer after its commit. */
  const transact = <A>(bytes: number, work: () => Exit.Exit<A, WriteError>): Effect.Effect<A, WriteError> =>
    Effect.callback((resume) => {
      const submitted = group.submit({
        bytes,
        run: () => {
          const exit = work()
          return () => resume(exit)
        },
        fail: (error, during) =>
          resume(
            Effect.fail(during === "commit" ? SqliteFault.ofCommit(error) : SqliteFault.ofStatement(error)),
          ),
      })
      if (!submitted)
        resume(Effect.fail(new StoreUnavailable({ reason: "closed, or too many writes waiting" })))
    })

  /** What is stored under a key, expired or not; and the failure, if the condition does not hold for it. */
  const decide = (key: Key, at: number, condition: Condition.Condition = Condition.always) => {
    if (Condition.isAlways(condition)) return { row: table.peek(key), failure: undefined }
    const row = table.get(key)
    const current = Option.map(live(row, at), ({ value }) => EntityTag.of(value))
    return {
      row,
      failure: Condition.holds(condition, Option.getOrUndefined(current))
        ? undefined
        : Exit.fail(new ConditionFailed({ current })),
    }
  }

  return Store.of({
    kind: "sqlite",
    read: (key) => attempt(() => stored(key, now())),
    readMany: (keys) =>
      attempt(() => {
        const at = now()
        return keys.map((key) => Result.succeed(stored(key, at)))
      }),
    // A value is read to be hashed, too, and hashing takes the time of many comparisons by the caller.
    compareMany: (questions) =>
      attempt(() => {
        const at = now()
        return questions.map(({ key }) =>
          Result.succeed(
            Option.map(stored(key, at), (value) => ({ ...value, bytes: Option.some(value.bytes) })),
          ),
        )
      }),
    write: (key, bytes, options) =>
      transact<Written>(key.length + bytes.byteLength, () => {
        const at = now()
        const { failure, row } = decide(key, at, options?.condition)
        if (failure !== undefined) return failure
        const previous = live(row, at)
        const expiresAt = Expiry.deadline(options?.expiry, at, previous)
        if (row === undefined) table.insert(key, bytes, expiresAt)
        else table.replace(key, bytes, expiresAt)
        return Exit.succeed({
          created: Option.isNone(previous),
          etag: EntityTag.of(bytes),
          ttlMillis: expiresAt - at,
        })
      }),
    remove: (key, options) =>
      transact(key.length, () => {
        const at = now()
        const { failure, row } = decide(key, at, options?.condition)
        if (failure !== undefined) return failure
        if (row !== undefined) table.delete(key)
        return Exit.succeed(Option.isSome(live(row, at)))
      }),
    list: ({ cursor, limit, prefix }) =>
      Effect.flatMap(Effect.fromResult(startOf(prefix, cursor)), (after) =>
        attempt(() => pageOf(prefix, limit, table.range(prefix, after, limit + 1), now())),
      ),
    count: Effect.sync(table.rows),
    probe: Effect.asVoid(attempt(() => table.peek(""))),
  })
})

const live = (row: SqliteTable.Row | undefined, at: number): Option.Option<SqliteTable.Row> =>
  row !== undefined && row.expiresAt > at ? Option.some(row) : Option.none()

const startOf = (
  prefix: string,
  cursor: Option.Option<string>,
): Result.Result<string | undefined, BadCursor> =>
  Option.match(cursor, {
    onNone: () => Result.succeed(undefined),
    onSome: (text) => cursors.decode(prefix, text),
  })

/** Of one row more than the limit, which tells whether there are more. */
const pageOf = (
  prefix: string,
  limit: number,
  rows: ReadonlyArray<SqliteTable.ListedRow>,
  at: number,
): Page => {
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? Option.fromUndefinedOr(page.at(-1)) : Option.none()
  return {
    keys: page
      .filter(({ expiresAt, key }) => expiresAt > at && !key.startsWith(RESERVED_PREFIX))
      .map(({ expiresAt, key, size }) => ({ key, size, ttlMillis: expiresAt - at })),
    cursor: Option.map(last, ({ key }) => cursors.encode(prefix, key)),
    skipped: 0,
  }
}
