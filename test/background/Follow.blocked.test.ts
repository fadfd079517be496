/** A process that is stopped for a while, as by a long computation, and then reads before it has listened. */
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Cache from "../../src/cache/Cache.ts"
import { L1 } from "../../src/cache/L1.ts"
import * as RedisServer from "../RedisServer.ts"
import { hold, layer } from "../coherence/Coherent.ts"
import type * as WriteOnce from "./WriteOnce.ts"

/** Longer than the tracker's word is good for. */
const BLOCKED_MILLIS = 2_000
const WRITTEN_MAX_MILLIS = 20_000

const start = (workerData: WriteOnce.Options) =>
  Effect.gen(function* () {
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./WriteOnce.ts", import.meta.url), { workerData })),
      (started) => Effect.promise(() => started.terminate()),
    )
    yield* Effect.callback<void>((resume) => {
      worker.once("message", () => resume(Effect.void))
      worker.once("error", (error) => resume(Effect.die(error)))
    })
    return worker
  })

describe("Follow in a process that was blocked", () => {
  it.live(
    "serves nothing as fresh before it has heard what was written meanwhile, and then all that was not",
    () =>
      Effect.gen(function* () {
        const { port } = yield* RedisServer.RedisServer
        const { peek } = yield* Cache.Cache
        const { now } = yield* L1
        yield* hold("written", "old")
        yield* hold("other", "same")
        const done = new Int32Array(new SharedArrayBuffer(4))
        const worker = yield* start({ port, done, command: ["SET", "written", "new"] })
        worker.postMessage("go")
        // From here to the reads the process does nothing else: it hears nothing, and no timer runs.
        assert.notStrictEqual(Atomics.wait(done, 0, 0, WRITTEN_MAX_MILLIS), "timed-out")
        const until = now() + BLOCKED_MILLIS
        while (now() < until);
        const [written, other] = [peek("written"), peek("other")]
        assert.isUndefined(written)
        assert.isUndefined(other)
        const again = yield* Effect.repeat(
          Effect.sync(() => peek("other")),
          { until: (reading) => reading !== undefined, schedule: Schedule.spaced("5 millis") },
        )
        assert.strictEqual(again === undefined ? undefined : String(again.entry.value), "same")
        assert.isUndefined(peek("written"))
      }).pipe(Effect.scoped, Effect.provide(layer())),
  )
})
