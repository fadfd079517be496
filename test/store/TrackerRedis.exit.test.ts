import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RedisServer from "../RedisServer.ts"

/** Follows, closes, says so; the status it saw and the milliseconds until the process has ended by itself. */
const lingering = (url: string) =>
  Effect.promise(
    () =>
      new Promise<readonly [status: string, millis: number]>((resolve, reject) => {
        const path = fileURLToPath(new URL("TrackerExit.ts", import.meta.url))
        const child = spawn(process.execPath, [path, url], { stdio: ["ignore", "pipe", "inherit"] })
        let output = ""
        let closedAt = NaN
        child.stdout.on("data", (data) => {
          output += `${data}`
          if (output.includes("closed")) closedAt = performance.now()
        })
        child.once("exit", (code) =>
          code === 0
            ? resolve([output.slice(0, output.indexOf("\n")), performance.now() - closedAt])
            : reject(new Error(`exit code ${code}`)),
        )
      }),
  )

type Server = RedisServer.RedisServer["Service"]

describe("TrackerRedis at the end of its process", () => {
  for (const [status, name, disturb] of [
    ["live", "live", () => Effect.void],
    ["down", "waiting to connect again", (redis: Server) => redis.stop],
    ["down", "connected to a server that does not answer", (redis: Server) => redis.pause],
    ["unsupported", "refused", (redis: Server) => redis.cli("ACL", "SETUSER", "default", "resetchannels")],
  ] as const) {
    it.live(`leaves nothing that keeps a process alive: ${name}`, () =>
      Effect.gen(function* () {
        const redis = yield* RedisServer.make()
        yield* disturb(redis)
        const [seen, millis] = yield* lingering(redis.url)
        assert.strictEqual(seen, status)
        assert.isBelow(millis, 500)
      }),
    )
  }
})
