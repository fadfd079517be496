/** Starts the thread of foreign writers, and stops it for good with the scope. */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type { ForeignBatch, ForeignOptions } from "./ForeignLog.ts"

/** The returned effect ends the writing and is done when all has been told. */
export const start = Effect.fnUntraced(function* (
  options: ForeignOptions,
  tell: (batch: ForeignBatch) => void,
) {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("./ForeignWorker.ts", import.meta.url), { workerData: options })),
    (started) => Effect.promise(() => started.terminate()),
  )
  let done = false
  let finish = () => {
    done = true
  }
  worker.on("message", (batch: ForeignBatch) => {
    tell(batch)
    if (batch.done) finish()
  })
  const failed = Effect.callback<never>((resume) => {
    worker.once("error", (error) => resume(Effect.die(error)))
  })
  yield* Effect.forkScoped(failed)

  return Effect.callback<void>((resume) => {
    if (done) return resume(Effect.void)
    finish = () => resume(Effect.void)
    worker.postMessage("stop")
  })
})
