/** A process that starts a server, prints its pid and stays. */
import * as Effect from "effect/Effect"
import * as RedisServer from "./RedisServer.ts"

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      yield* Effect.sync(() => process.stdout.write(`${redis.pid()}\n`))
      return yield* Effect.never
    }),
  ),
)
