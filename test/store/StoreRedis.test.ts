import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import * as StoreContract from "./StoreContract.ts"

/** A store on a flushed server. */
const empty = (keyPrefix: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* redis.cli("FLUSHALL")
      return StoreRedis.layer({ url: redis.url, keyPrefix, timeoutMillis: 5000 })
    }),
  )

/** Asks Redis itself whether it has forgotten the key. */
const outlive = (keyPrefix: string) => (key: string) =>
  Effect.gen(function* () {
    const redis = yield* RedisServer.RedisServer
    yield* redis
      .cli("PTTL", keyPrefix + key)
      .pipe(Effect.repeat({ until: (ttl) => ttl === -2, schedule: Schedule.spaced("3 millis") }))
  })

for (const keyPrefix of ["", "app:[*]:"]) {
  layer(RedisServer.layer, { excludeTestServices: true })(`StoreRedis, key prefix "${keyPrefix}"`, (it) => {
    StoreContract.check(it, { empty: empty(keyPrefix), outlive: outlive(keyPrefix) })
  })
}
