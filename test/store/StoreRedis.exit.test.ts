import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RedisServer from "../RedisServer.ts"

/** Opens a store, uses it, closes it, says so; resolves with the milliseconds until the process has ended by itself. */
const lingering = (url: string) =>
  Effect.promise(
    () =>
      new Promise<number>((resolve, reject) => {
        const child = spawn(process.execPath, [fileURLToPath(new URL("exit.ts", import.meta.url)), url], {
          stdio: ["ignore", "pipe", "inherit"],
        })
        let closedAt = NaN
        child.stdout.once("data", () => (closedAt = performance.now()))
        child.once("exit", (code) =>
          code === 0 ? resolve(performance.now() - closedAt) : reject(new Error(`exit code ${code}`)),
        )
      }),
  )

describe("StoreRedis at the end of its scope", () => {
  for (const [name, disturb] of [
    ["connected", () => Effect.void],
    ["waiting to connect again", (redis: RedisServer.RedisServer["Service"]) => redis.stop],
    [
      "connected to a server that does not answer",
      (redis: RedisServer.RedisServer["Service"]) => redis.pause,
    ],
  ] as const) {
    it.live(`leaves nothing that keeps a process alive: ${name}`, () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        yield* disturb(redis)
        assert.isBelow(yield* lingering(redis.url), 1500)
      }),
    )
  }
})
