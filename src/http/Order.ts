/**
 * Requests that a client sends without waiting for replies must seem to be done in order (RFC 9112 section
 * 9.3.2): while one that may change something is under way, what follows on its connection waits for it.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

export const make = () => {
  const changing = new WeakMap<object, Latch.Latch>()
  return {
    mustWait: (connection: object): boolean => changing.has(connection),
    inOrder: <A, E, R>(connection: object, method: string, app: Effect.Effect<A, E, R>) => {
      const before = changing.get(connection)
      const waited = before === undefined ? app : Effect.andThen(before.await, app)
      if (SAFE_METHODS.has(method)) return waited
      const done = Latch.makeUnsafe(false)
      changing.set(connection, done)
      return Effect.ensuring(
        waited,
        Effect.sync(() => {
          if (changing.get(connection) === done) changing.delete(connection)
          done.openUnsafe()
        }),
      )
    },
  }
}
