/** A process that follows the Redis at its argument and then closes: what lives on is a leak. */
import * as Effect from "effect/Effect"
import { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"

const [, , url = ""] = process.argv

const use = Effect.gen(function* () {
  const tracker = yield* Tracker
  yield* tracker.follow(() => {})
  yield* Effect.exit(tracker.fence)
  process.stdout.write(`${tracker.status()}\n`)
})

await Effect.runPromise(
  Effect.provide(Effect.scoped(use), TrackerRedis.layer({ url, keyPrefix: "", timeoutMillis: 300 })),
)
process.stdout.write("closed\n")
