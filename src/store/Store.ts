/**
 * The port to where the truth is kept: Redis, the embedded store, or a map for tests.
 *
 * A store holds plain bytes under keys of UTF-8, each with an optional expiry. It decides conditions itself,
 * against what it holds at that instant. Every layer passes one contract suite, `test/store/StoreContract.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Condition } from "../core/Condition.ts"
import type { EntityTag, Key } from "../core/Entry.ts"

/** The store did not do it: it is down, not reachable in time, or refuses. Nothing was changed. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  /** The store's own words, without keys or values: `READONLY`, `connect ECONNREFUSED` … */
  reason: Schema.String,
}) {}

/** The write was sent and no answer came: it may have happened, it may happen yet, or never. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  reason: Schema.String,
}) {}

/** The key holds something that is not a string of bytes (a Redis list, hash …). Nothing was changed. */
export class WrongType extends Schema.TaggedError<WrongType>()("WrongType", {
  key: Schema.String,
}) {}

/** The store has no room (Redis `maxmemory`, a full disk). Nothing was changed. */
export class OutOfMemory extends Schema.TaggedError<OutOfMemory>()("OutOfMemory", {
  reason: Schema.String,
}) {}

/** The condition of a write did not hold. Nothing was changed. */
export class ConditionFailed extends Schema.TaggedError<ConditionFailed>()("ConditionFailed", {
  /** The tag of what the store holds; `None`: it holds nothing under the key. */
  current: Schema.Option(Schema.String),
}) {}

/** A cursor that this store did not give out. */
export class BadCursor extends Schema.TaggedError<BadCursor>()("BadCursor", {
  cursor: Schema.String,
}) {}

/** A value as the store holds it. */
export interface Stored {
  /** The exact bytes, in memory of their own (not a slice of a network buffer). */
  readonly bytes: Uint8Array
  /** What remained until the store forgets it, perhaps 0. Milliseconds; `Infinity`: it never does. */
  readonly ttlMillis: number
}

/** What the caller of a comparison has. */
export interface Known {
  readonly etag: EntityTag
  /** Bytes of the value. */
  readonly size: number
}

/** A value as the store holds it, for a caller who may have it already. */
export interface Compared {
  /** As in `Stored`. `None`: they are those that were known. */
  readonly bytes: Option.Option<Uint8Array>
  /** As in `Stored`. */
  readonly ttlMillis: number
}

/** What a write does to the expiry in the store. */
export type Expiry =
  | { readonly _tag: "Never" }
  /** Leaves what there is; on a new key the same as `Never`. */
  | { readonly _tag: "Keep" }
  /** At least 1 millisecond; rounded up to whole ones. */
  | { readonly _tag: "After"; readonly millis: number }

export const never: Expiry = { _tag: "Never" }
export const keep: Expiry = { _tag: "Keep" }
export const after = (millis: number): Expiry => ({ _tag: "After", millis })

export interface Written {
  /** The key had no value before. */
  readonly created: boolean
  /** Of the bytes written. */
  readonly etag: EntityTag
  /** Milliseconds until the store forgets it; `Infinity`: never. */
  readonly ttlMillis: number
}

export interface Listed {
  readonly key: Key
  /** Bytes of the value. */
  readonly size: number
  /** Milliseconds until the store forgets it; `Infinity`: never. */
  readonly ttlMillis: number
}

/**
 * Part of a listing. A key that was there from the first page to the last is listed at least once; a page may
 * be short or even empty while there is a cursor. Order is the store's own business.
 */
export interface Page {
  readonly keys: ReadonlyArray<Listed>
  /** `None`: that was the last page. Opaque, valid for the same prefix only, safe in a URL. */
  readonly cursor: Option.Option<string>
  /** Names under the prefix that are no entries: empty, too long, not UTF-8, or not holding a string of bytes. */
  readonly skipped: number
}

export type WriteError = StoreUnavailable | OutcomeUnknown | WrongType | OutOfMemory | ConditionFailed

export class Store extends Context.Service<
  Store,
  {
    readonly kind: "redis" | "sqlite" | "memory"

    /** The value of a key; `None` when there is none or it has expired. */
    readonly read: (key: Key) => Effect.Effect<Option.Option<Stored>, StoreUnavailable | WrongType>

    /** Many values, in the order of the keys, in one round trip (per 500 keys). */
    readonly readMany: (
      keys: ReadonlyArray<Key>,
    ) => Effect.Effect<ReadonlyArray<Result.Result<Option.Option<Stored>, WrongType>>, StoreUnavailable>

    /**
     * The same for a caller who knows what the values were: those that still are need not come again. A store
     * compares as it pleases, and where sending costs less than comparing it sends.
     *
     * About at most `COMPARE_MAX_BYTES` of known values: of more than that, it sends.
     */
    readonly compareMany: (
      questions: ReadonlyArray<{ readonly key: Key; readonly known: Option.Option<Known> }>,
    ) => Effect.Effect<ReadonlyArray<Result.Result<Option.Option<Compared>, WrongType>>, StoreUnavailable>

    /** Creates or replaces the value if the condition holds, in one atomic step. */
    readonly write: (
      key: Key,
      bytes: Uint8Array,
      options?: { readonly condition?: Condition; readonly expiry?: Expiry },
    ) => Effect.Effect<Written, WriteError>

    /** Removes the value if the condition holds, in one atomic step; whether there was one. */
    readonly remove: (
      key: Key,
      options?: { readonly condition?: Condition },
    ) => Effect.Effect<boolean, WriteError>

    /** Keys that begin with `prefix`; at most `limit` (at least 1) a page. Our own reserved keys are not listed. */
    readonly list: (options: {
      readonly prefix: string
      readonly limit: number
      readonly cursor: Option.Option<string>
    }) => Effect.Effect<Page, StoreUnavailable | BadCursor>

    /** About how many keys there are, at constant cost; expired or foreign ones may count. */
    readonly count: Effect.Effect<number, StoreUnavailable>

    /** Succeeds when the store answers. */
    readonly probe: Effect.Effect<void, StoreUnavailable>
  }
>()("cache-mechanism/store/Store") {}

/** How many keys one request to a store holds at most. */
export const READ_MANY_CHUNK = 500

/** How many bytes of values a store compares at a stretch. */
export const COMPARE_MAX_BYTES = 1_024 * 1_024
