/**
 * The cache: what L1 knows, else what the store says; and writes that reach the store before L1.
 *
 * - read: a fresh copy is served from L1; else the store is asked, once per key however many ask, and the
 *   answer enters L1 through a token. When the store cannot be asked, a copy that is past its freshness but
 *   within its grace is served, and says so. A reader may accept more or less than that (`Freshness.ts`).
 * - write: the key is forgotten and a token taken before the write is sent. The acknowledged value enters L1
 *   if nothing else happened to the key meanwhile; whatever else comes back, even nothing, the key is
 *   forgotten again, before the writer goes on: who reads after a write reads it or something newer. A write
 *   that was sent is not abandoned when its caller is: L1 must learn how it ended.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Result from "effect/Result"
import * as CacheState from "../core/CacheState.ts"
import type { Condition } from "../core/Condition.ts"
import * as Entry from "../core/Entry.ts"
import type { Bounds } from "../core/Eviction.ts"
import type { Lifetime } from "../core/Lifetime.ts"
import * as Snapshot from "../core/Snapshot.ts"
import { type Expiry, Store, type WriteError, type Written } from "../store/Store.ts"
import * as Changes from "./Changes.ts"
import { entryOf } from "./Content.ts"
import * as L1 from "./L1.ts"
import * as Reads from "./Reads.ts"

export interface Options {
  readonly bounds: Bounds
  readonly lifetime: Lifetime
  /** Who may listen to changes at the same time. Default 100. */
  readonly maxSubscribers?: number
}

const MAX_SUBSCRIBERS = 100

export type ReadError = Reads.ReadError
export type ReadOptions = Reads.ReadOptions
export type Reading = Reads.Reading
export type Via = Reads.Via

/** Counted since the start. */
export interface Stats extends CacheState.Counts, Reads.Counts {
  readonly entries: number
  readonly bytes: number
  readonly capacity: Bounds
  /** Questions in flight. */
  readonly filling: number
  readonly epoch: number
}

export class Cache extends Context.Service<
  Cache,
  {
    /** What is under a key. That there is nothing is an answer, not an error. */
    readonly get: {
      (key: Entry.Key): Effect.Effect<Reading, ReadError>
      (key: Entry.Key, options: ReadOptions): Effect.Effect<Reading, ReadError | Reads.NotCached>
    }

    /** The same for many keys, in their order; all that L1 lacks is fetched in one round trip. */
    readonly getMany: (
      keys: ReadonlyArray<Entry.Key>,
    ) => Effect.Effect<ReadonlyArray<Result.Result<Reading, ReadError>>>

    /** A fresh copy from L1, synchronously and counted as a hit; `undefined` when the store must be asked. */
    readonly peek: (key: Entry.Key) => Reading | undefined

    /** Creates or replaces a value. Acknowledged after the store acknowledged it. */
    readonly put: (
      key: Entry.Key,
      bytes: Uint8Array,
      options?: { readonly condition?: Condition; readonly expiry?: Expiry },
    ) => Effect.Effect<Written, WriteError>

    /** Removes a value; whether there was one. Acknowledged after the store acknowledged it. */
    readonly remove: (
      key: Entry.Key,
      options?: { readonly condition?: Condition },
    ) => Effect.Effect<boolean, WriteError>

    /** Forgets the keys in L1; the store keeps them. How many were held. */
    readonly invalidate: (keys: Iterable<Entry.Key>) => Effect.Effect<number>

    /** Forgets everything in L1; the store keeps it. How many entries were held. */
    readonly invalidateAll: Effect.Effect<number>

    readonly stats: Effect.Effect<Stats>

    /** L1 at this instant; it stays as it is while writes go on. */
    readonly snapshot: Effect.Effect<Snapshot.Snapshot>
  }
>()("cache-mechanism/cache/Cache") {}

const make = Effect.fnUntraced(function* (lifetime: Lifetime) {
  const l1 = yield* L1.L1
  const changes = yield* Changes.Changes
  const store = yield* Store
  const random = yield* Random.Random
  const { counts, get, getMany, peek } = yield* Reads.make(lifetime)

  const forget = (key: Entry.Key): number =>
    l1.modify((state) => {
      const [removed, next] = CacheState.invalidate(state, key)
      return [removed.length, next]
    })

  /** The value may have changed, and those who listen must know. */
  const doubt = (key: Entry.Key): void => {
    forget(key)
    changes.publish({ _tag: "Invalidated", key })
  }

  const put = (
    key: Entry.Key,
    bytes: Uint8Array,
    options?: { readonly condition?: Condition; readonly expiry?: Expiry },
  ) =>
    Effect.suspend(() => {
      const askedAt = l1.now()
      const token = l1.modify((state) => CacheState.beginWrite(state, key))
      return Effect.onExit(store.write(key, bytes, options), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) return doubt(key)
          // A copy: the caller keeps its array and may write to it.
          const stored = { bytes: new Uint8Array(bytes), ttlMillis: exit.value.ttlMillis }
          const entry = entryOf(lifetime, key, Option.some(stored), askedAt, random.nextDoubleUnsafe())
          l1.modify((state) => CacheState.settleWrite(state, token, entry, l1.now()))
          changes.publish({ _tag: "Invalidated", key })
        }),
      )
    }).pipe(Effect.uninterruptible)

  const remove = (key: Entry.Key, options?: { readonly condition?: Condition }) =>
    Effect.suspend(() => {
      forget(key)
      return Effect.onExit(store.remove(key, options), () => Effect.sync(() => doubt(key)))
    }).pipe(Effect.uninterruptible)

  const stats = Effect.sync((): Stats => {
    const state = l1.current()
    return {
      entries: CacheState.size(state),
      bytes: CacheState.bytes(state),
      capacity: state.bounds,
      ...counts(),
      ...state.counts,
      filling: CacheState.filling(state),
      epoch: state.epoch,
    }
  })

  return Cache.of({
    get,
    getMany,
    peek,
    put,
    remove,
    invalidate: (keys) =>
      Effect.sync(() => {
        let removed = 0
        for (const key of keys) removed += forget(key)
        return removed
      }),
    invalidateAll: Effect.sync(() => l1.modify(CacheState.invalidateAll)),
    stats,
    snapshot: Effect.sync(() => Snapshot.take(l1.current(), l1.now())),
  })
})

/** The cache over the given L1 and store. */
export const layerOver = (lifetime: Lifetime): Layer.Layer<Cache, never, L1.L1 | Changes.Changes | Store> =>
  Layer.effect(Cache, make(lifetime))

/** The cache with an L1 and subscribers of its own, which background layers share. */
export const layer = (options: Options): Layer.Layer<Cache | L1.L1 | Changes.Changes, never, Store> =>
  Layer.provideMerge(
    layerOver(options.lifetime),
    Layer.mergeAll(
      L1.layer(options.bounds),
      Changes.layer({ maxSubscribers: options.maxSubscribers ?? MAX_SUBSCRIBERS }),
    ),
  )
