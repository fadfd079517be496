/** A server and a store on it, as tests of faults need them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import { Store } from "../../src/store/Store.ts"

type Service = Store["Service"]

/** A store of its own on the server at `url`. */
export const connect = (
  url: string,
  options: { readonly timeoutMillis?: number; readonly keyPrefix?: string } = {},
): Effect.Effect<Service, never, Scope.Scope> =>
  Layer.build(StoreRedis.layer({ url, keyPrefix: "", timeoutMillis: 5000, ...options })).pipe(
    Effect.map(Context.get(Store)),
    Effect.orDie,
  )

/** Tries until it succeeds; a test that waits for ever says so after a while. */
export const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  effect.pipe(Effect.retry(Schedule.spaced("5 millis")), Effect.timeout("20 seconds"), Effect.orDie)

/** How long an effect took. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<readonly [A, millis: number], E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (value) => [value, performance.now() - start])
  })
