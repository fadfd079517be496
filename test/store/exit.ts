/** A process that opens a store on the Redis at its argument and closes it again: what lives on is a leak. */
import * as Effect from "effect/Effect"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import { Store } from "../../src/store/Store.ts"

const [, , url = ""] = process.argv

const use = Effect.gen(function* () {
  const store = yield* Store
  yield* Effect.exit(store.read("key"))
})

await Effect.runPromise(Effect.provide(use, StoreRedis.layer({ url, keyPrefix: "", timeoutMillis: 300 })))
process.stdout.write("closed\n")
