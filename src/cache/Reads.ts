/**
 * The reading side of the cache: from L1 when the reader accepts what it has, else from the store.
 *
 * What is accepted is decided in `core/Freshness.ts`; a plain read, which takes what is fresh, does not go
 * through it. A reader who needs an answer no older than itself never joins a question that was asked before.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as CacheState from "../core/CacheState.ts"
import type * as Entry from "../core/Entry.ts"
import * as Freshness from "../core/Freshness.ts"
import type { Lifetime } from "../core/Lifetime.ts"
import { Store } from "../store/Store.ts"
import { entryOf } from "./Content.ts"
import * as L1 from "./L1.ts"
import * as SingleFlight from "./SingleFlight.ts"

export type ReadError = SingleFlight.LoadError

/** L1 has no copy that will do, and the reader does not want the store asked. */
export class NotCached extends Schema.TaggedError<NotCached>()("NotCached", {}) {}

/** How a read was answered. */
export type Via =
  /** From L1, fresh. */
  | { readonly _tag: "Hit" }
  /** From L1, past its freshness: the store could not be asked, or the reader takes stale copies. */
  | { readonly _tag: "Stale"; readonly because: "store-unavailable" | "max-stale" }
  /** From the store. */
  | {
      readonly _tag: "Forwarded"
      readonly because: Because
      readonly stored: boolean
      readonly collapsed: boolean
    }

/** L1 knew nothing (`uri-miss`), nothing fresh (`stale`), or the reader did not accept what it had (`request`). */
export type Because = "uri-miss" | "stale" | "request"

export interface ReadOptions {
  /** What the reader accepts of L1. */
  readonly freshness?: Freshness.Freshness
}

export interface Reading {
  /** What is under the key. A value that is an array must not be written to. */
  readonly entry: Entry.Entry
  readonly via: Via
  /** Until when it is fresh, as far as is known; of a suspect copy, when it was confirmed. */
  readonly freshUntil: number
  /** When it was answered. Monotonic milliseconds, as the entry's deadlines. */
  readonly at: number
}

/** How reads were answered, counted since the start. */
export interface Counts {
  /** Reads answered from L1, fresh. */
  readonly hits: number
  /** Reads that had to ask the store. */
  readonly misses: number
  /** Reads answered from L1 past freshness. */
  readonly stale: number
  /** Reads that joined a question which somebody else had asked. */
  readonly collapsed: number
}

const HIT: Via = { _tag: "Hit" }
const STALE: Via = { _tag: "Stale", because: "max-stale" }
const FALLEN_BACK: Via = { _tag: "Stale", because: "store-unavailable" }

export const make = Effect.fnUntraced(function* (lifetime: Lifetime) {
  const l1 = yield* L1.L1
  const store = yield* Store
  const random = yield* Random.Random
  const flights = yield* SingleFlight.make(lifetime)
  const reads = { hits: 0, misses: 0, stale: 0, collapsed: 0 }

  /** Serves a copy that L1 has, and counts the use. */
  const serve = (entry: Entry.Entry, via: Via, freshUntil: number, at: number): Reading => {
    const state = l1.current()
    const touched = CacheState.touch(state, entry.key)
    if (touched !== state) l1.replace(touched)
    if (via._tag === "Hit") reads.hits++
    else reads.stale++
    return { entry, via, freshUntil, at }
  }

  const hit = (key: Entry.Key, at: number): Reading | undefined => {
    const state = l1.current()
    const hash = CacheState.hashOf(state, key)
    const hot = CacheState.serveHot(state, key, at, hash)
    const entry = hot ?? CacheState.serve(state, key, at, hash)
    if (entry === undefined) return undefined
    if (hot === undefined) l1.replace(CacheState.touch(state, key, hash))
    reads.hits++
    return { entry, via: HIT, freshUntil: CacheState.freshUntil(state, entry, at), at }
  }

  /** Why the store is asked; counts the miss. */
  const miss = (key: Entry.Key, at: number): Because => {
    reads.misses++
    const state = l1.current()
    const entry = CacheState.peek(state, key, at)
    if (entry === undefined) return "uri-miss"
    return at < CacheState.freshUntil(state, entry, at) ? "request" : "stale"
  }

  const forwarded = (because: Because, { collapsed, entry, stored }: SingleFlight.Loaded): Reading => {
    if (collapsed) reads.collapsed++
    const via: Via = { _tag: "Forwarded", because, stored, collapsed }
    return { entry, via, freshUntil: entry.freshUntil, at: l1.now() }
  }

  /** The store could not be asked: a value within its grace will do, looked up now, as it may be gone by now. */
  const fallBack = (
    key: Entry.Key,
    error: ReadError,
    freshness = Freshness.standard,
  ): Result.Result<Reading, ReadError> => {
    if (error._tag === "WrongType") return Result.fail(error)
    const at = l1.now()
    const state = l1.current()
    const entry = CacheState.peek(state, key, at)
    if (entry === undefined || entry.value === undefined) return Result.fail(error)
    const freshUntil = CacheState.freshUntil(state, entry, at)
    const copy = { confirmedAt: entry.confirmedAt, freshUntil }
    if (!Freshness.acceptsOnError(freshness, copy, at)) return Result.fail(error)
    return Result.succeed(serve(entry, FALLEN_BACK, freshUntil, at))
  }

  const load = (key: Entry.Key, because: Because): Effect.Effect<Reading, ReadError> =>
    Effect.matchEffect(flights.loadOne(key), {
      onSuccess: (loaded) => Effect.succeed(forwarded(because, loaded)),
      onFailure: (error) => Effect.fromResult(fallBack(key, error)),
    })

  /** As `load`, with an answer that is as new as the reader wants it. */
  const loadFor = (key: Entry.Key, because: Because, at: number, freshness: Freshness.Freshness) =>
    flights.loadOne(key, freshness.noCache).pipe(
      Effect.flatMap((loaded) =>
        Freshness.acceptsAnswer(freshness, loaded.entry.confirmedAt, at)
          ? Effect.succeed(loaded)
          : flights.loadOne(key, true),
      ),
      Effect.matchEffect({
        onSuccess: (loaded) => Effect.succeed(forwarded(because, loaded)),
        onFailure: (error) => Effect.fromResult(fallBack(key, error, freshness)),
      }),
    )

  /** What the store says, while L1 stays as it is. */
  const pass = (key: Entry.Key, because: Because): Effect.Effect<Reading, ReadError> =>
    Effect.suspend(() => {
      const askedAt = l1.now()
      return Effect.map(store.read(key), (stored) => {
        const entry = entryOf(lifetime, key, stored, askedAt, random.nextDoubleUnsafe())
        return forwarded(because, { entry, stored: false, collapsed: false })
      })
    })

  const getPlain = (key: Entry.Key): Effect.Effect<Reading, ReadError> =>
    Effect.suspend(() => {
      const at = l1.now()
      const found = hit(key, at)
      return found === undefined ? load(key, miss(key, at)) : Effect.succeed(found)
    })

  const getFor = (
    key: Entry.Key,
    freshness: Freshness.Freshness,
  ): Effect.Effect<Reading, ReadError | NotCached> =>
    Effect.suspend((): Effect.Effect<Reading, ReadError | NotCached> => {
      const at = l1.now()
      const state = l1.current()
      const entry = CacheState.peek(state, key, at)
      const freshUntil = entry === undefined ? -Infinity : CacheState.freshUntil(state, entry, at)
      const copy = entry === undefined ? undefined : { confirmedAt: entry.confirmedAt, freshUntil }
      const decision = Freshness.decide(freshness, copy, at)
      if (entry !== undefined && (decision === "fresh" || decision === "stale")) {
        return Effect.succeed(serve(entry, decision === "fresh" ? HIT : STALE, freshUntil, at))
      }
      if (decision === "refuse") return Effect.fail(new NotCached())
      const because = miss(key, at)
      return freshness.noStore === true ? pass(key, because) : loadFor(key, because, at, freshness)
    })

  const getMany = (keys: ReadonlyArray<Entry.Key>) =>
    Effect.suspend(() => {
      const at = l1.now()
      const readings = new Map<Entry.Key, Result.Result<Reading, ReadError>>()
      const missing = new Map<Entry.Key, Because>()
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

  function get(key: Entry.Key): Effect.Effect<Reading, ReadError>
  function get(key: Entry.Key, options: ReadOptions): Effect.Effect<Reading, ReadError | NotCached>
  function get(key: Entry.Key, options?: ReadOptions): Effect.Effect<Reading, ReadError | NotCached> {
    return options?.freshness === undefined ? getPlain(key) : getFor(key, options.freshness)
  }

  return {
    get,
    getMany,
    peek: (key: Entry.Key): Reading | undefined => hit(key, l1.now()),
    counts: (): Counts => ({ ...reads }),
  }
})
