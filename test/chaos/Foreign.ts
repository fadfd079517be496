/** Starts the thread of foreign writers, and stops it for good with the scope. */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { ForeignBatch, ForeignOptions } from "./ForeignLog.ts"

/** They write when this is done. The returned effect ends the writing and is done when all has been told. */
export const start = Effect.fnUntraced(function* (
  options: ForeignOptions,
  tell: (batch: ForeignBatch) => void,
) {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("./ForeignWorker.ts", import.meta.url), { workerData: options })),
    (started) => Effect.promise(() => started.terminate()),
  )
  const begun = Latch.makeUnsafe(false)
  const done = Latch.makeUnsafe(false)
  worker.on("message", (batch: ForeignBatch) => {
    tell(batch)
    begun.openUnsafe()
    if (batch.done) done.openUnsafe()
  })
  const failed = Effect.callback<never>((resume) => {
    worker.once("error", (error) => resume(Effect.die(error)))
  })
  yield* Effect.forkScoped(failed)

  yield* begun.await

  return Effect.suspend(() => {
    worker.postMessage("stop")
    return done.await
  })
})
