/**
 * The cache: what L1 knows, else what the store says; and writes that reach the store before L1.
 *
 * - read: a fresh copy is served from L1; else the store is asked, once per key however many ask, and the
 *   answer enters L1 through a token. When the store cannot be asked, a copy that is past its freshness but
 *   within its grace is served, and says so.
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
import * as Result from "effect/Result"
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
import * as SingleFlight from "./SingleFlight.ts"

export interface Options {
  readonly bounds: Bounds
  readonly lifetime: Lifetime
  /** Who may listen to changes at the same time. Default 100. */
  readonly maxSubscribers?: number
}

const MAX_SUBSCRIBERS = 100

export type ReadError = SingleFlight.LoadError

/** How a read was answered. */
export type Via =
  /** From L1, fresh. */
  | { readonly _tag: "Hit" }
  /** From L1, past its freshness, because the store could not be asked. */
  | { readonly _tag: "Stale" }
  /** From the store: L1 knew nothing (`uri-miss`) or nothing fresh (`stale`). */
  | {
      readonly _tag: "Forwarded"
      readonly because: "uri-miss" | "stale"
      readonly stored: boolean
      readonly collapsed: boolean
    }

export interface Reading {
  /** What is under the key. A value that is an array must not be written to. */
  readonly entry: Entry.Entry
  readonly via: Via
  /** When it was answered. Monotonic milliseconds, as the entry's deadlines. */
  readonly at: number
}

/** Counted since the start. */
export interface Stats extends CacheState.Counts {
  readonly entries: number
  readonly bytes: number
  readonly capacity: Bounds
  /** Reads answered from L1, fresh. */
  readonly hits: number
  /** Reads that had to ask the store. */
  readonly misses: number
  /** Reads answered from L1 past freshness. */
  readonly stale: number
  /** Reads that joined a question which somebody else had asked. */
  readonly collapsed: number
  /** Questions in flight. */
  readonly filling: number
  readonly epoch: number
}

export class Cache extends Context.Service<
  Cache,
  {
    /** What is under a key. That there is nothing is an answer, not an error. */
    readonly get: (key: Entry.Key) => Effect.Effect<Reading, ReadError>

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

const HIT: Via = { _tag: "Hit" }
const STALE: Via = { _tag: "Stale" }

const make = Effect.fnUntraced(function* (lifetime: Lifetime) {
  const l1 = yield* L1.L1
  const changes = yield* Changes.Changes
  const store = yield* Store
  const random = yield* Random.Random
  const flights = yield* SingleFlight.make(lifetime)
  const reads = { hits: 0, misses: 0, stale: 0, collapsed: 0 }

  const hit = (key: Entry.Key, at: number): Reading | undefined => {
    const state = l1.current()
    const hash = CacheState.hashOf(state, key)
    const hot = CacheState.serveHot(state, key, at, hash)
    const entry = hot ?? CacheState.serve(state, key, at, hash)
    if (entry === undefined) return undefined
    if (hot === undefined) l1.replace(CacheState.touch(state, key, hash))
    reads.hits++
    return { entry, via: HIT, at }
  }

  /** Why the store is asked; counts the miss. */
  const miss = (key: Entry.Key, at: number): "uri-miss" | "stale" => {
    reads.misses++
    return CacheState.peek(l1.current(), key, at) === undefined ? "uri-miss" : "stale"
  }

  const forwarded = (
    because: "uri-miss" | "stale",
    { collapsed, entry, stored }: SingleFlight.Loaded,
  ): Reading => {
    if (collapsed) reads.collapsed++
    return { entry, via: { _tag: "Forwarded", because, stored, collapsed }, at: l1.now() }
  }

  /** The store could not be asked: a value within its grace will do, looked up now, as it may be gone by now. */
  const fallBack = (key: Entry.Key, error: ReadError): Result.Result<Reading, ReadError> => {
    if (error._tag === "WrongType") return Result.fail(error)
    const at = l1.now()
    const entry = CacheState.peek(l1.current(), key, at)
    if (entry === undefined || entry.value === undefined) return Result.fail(error)
    reads.stale++
    return Result.succeed({ entry, via: STALE, at })
  }

  const load = (key: Entry.Key, because: "uri-miss" | "stale"): Effect.Effect<Reading, ReadError> =>
    Effect.matchEffect(flights.loadOne(key), {
      onSuccess: (loaded) => Effect.succeed(forwarded(because, loaded)),
      onFailure: (error) => Effect.fromResult(fallBack(key, error)),
    })

  const get = (key: Entry.Key): Effect.Effect<Reading, ReadError> =>
    Effect.suspend(() => {
      const at = l1.now()
      const found = hit(key, at)
      return found === undefined ? load(key, miss(key, at)) : Effect.succeed(found)
    })

  const getMany = (keys: ReadonlyArray<Entry.Key>) =>
    Effect.suspend(() => {
      const at = l1.now()
      const readings = new Map<Entry.Key, Result.Result<Reading, ReadError>>()
      const missing = new Map<Entry.Key, "uri-miss" | "stale">()
      for (const key of keys) {
        if (readings.has(key) || missing.has(key)) continue
        const found = hit(key, at)
        if (found === undefined) missing.set(key, miss(key, at))
        else readings.set(key, Result.succeed(found))
      }
      return Effect.map(flights.load([...missing.keys()]), (loads) => {
        let index = 0
        for (const [key, because] of missing) {
          const loaded = loads[index++]
          if (loaded === undefined) continue
          readings.set(
            key,
            Result.isSuccess(loaded)
              ? Result.succeed(forwarded(because, loaded.success))
              : fallBack(key, loaded.failure),
          )
        }
        return keys.flatMap((key) => readings.get(key) ?? [])
      })
    })

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
      ...reads,
      ...state.counts,
      filling: CacheState.filling(state),
      epoch: state.epoch,
    }
  })

  return Cache.of({
    get,
    getMany,
    peek: (key) => hit(key, l1.now()),
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
