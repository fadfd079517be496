/** The library over Redis as `redis.ts` measures it: with its L1, or with one that holds nothing. */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Follow from "../../src/background/Follow.ts"
import * as Cache from "../../src/cache/Cache.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import type { Heard } from "../../test/chaos/Heard.ts"
import type { WriterOptions, Wrote } from "./RedisWriter.ts"

const LIFETIME = { ttlMillis: 3_600_000, graceMillis: 0, negativeTtlMillis: 5_000, jitter: 0 }
const TIMEOUT_MILLIS = 5_000
const MAX_BYTES = 256 * 1024 * 1024
const MAX_ENTRIES = 100_000

export const layer = (url: string, heard: Heard, l1: "on" | "off") => {
  const options = { url, keyPrefix: "", timeoutMillis: TIMEOUT_MILLIS }
  const bounds = { maxEntries: l1 === "on" ? MAX_ENTRIES : 0, maxBytes: MAX_BYTES }
  return Follow.layer({ untrackedTtlMillis: 0 }).pipe(
    Layer.provideMerge(Cache.layer({ bounds, lifetime: LIFETIME })),
    Layer.provideMerge(StoreRedis.layer(options)),
    Layer.provideMerge(heard.over(TrackerRedis.layer(options))),
  )
}

/** Writes in a thread for as long as the effect runs; how many writes it was. */
export const writing = <A, E, R>(options: WriterOptions, heard: Heard, effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      let writes = 0
      let finish = (): void => undefined
      const worker = yield* Effect.acquireRelease(
        Effect.sync(() => new Worker(new URL("./RedisWriter.ts", import.meta.url), { workerData: options })),
        (started) => Effect.promise(() => started.terminate()),
      )
      worker.on("message", (message: ReadonlyArray<Wrote> | "done") => {
        if (message === "done") return finish()
        writes += message.length
        for (const [key, start, end] of message) heard.wrote(key, { start, end })
        heard.settle()
      })
      const value = yield* effect
      yield* Effect.callback<void>((resume) => {
        finish = () => resume(Effect.void)
        worker.postMessage("stop")
      })
      return [value, writes] as const
    }),
  )
