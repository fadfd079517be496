import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as RedisBinary from "./RedisBinary.ts"
import * as RedisProcess from "./RedisProcess.ts"
import * as RedisServer from "./RedisServer.ts"
import * as TemporaryDirectory from "./store/TemporaryDirectory.ts"

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const untilGone = (pid: number) =>
  Effect.sync(() => isAlive(pid)).pipe(
    Effect.repeat({ while: (alive) => alive, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("20 seconds"),
  )

describe("RedisServer", () => {
  it.live("bytes, errors and nested replies come back as another client would see them", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      yield* redis.cli("SET", "key", Uint8Array.of(0, 13, 10, 255))
      assert.deepStrictEqual(yield* redis.raw("GET", "key"), Buffer.of(0, 13, 10, 255))
      assert.deepStrictEqual(yield* redis.cli("EVAL", "return {1, {'a', false}, {}}", "0"), [
        1,
        ["a", null],
        [],
      ])
      const [set, wrong] = yield* redis.pipeline([
        ["SET", "a", "1"],
        ["RPUSH", "a", "1"],
      ])
      assert.strictEqual(set, "OK")
      assert.match(String(wrong), /WRONGTYPE/u)
    }),
  )

  it.live("a stopped server comes back on its port, empty", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      yield* redis.cli("SET", "key", "value")
      const before = redis.pid()
      yield* redis.stop
      assert.isFalse(isAlive(before))
      yield* redis.start
      assert.notStrictEqual(redis.pid(), before)
      assert.strictEqual(yield* redis.cli("DBSIZE"), 0)
    }),
  )

  it.live("many servers start at once, each on a port of its own below 55,536", () =>
    Effect.gen(function* () {
      const servers = yield* Effect.forEach(Array.from({ length: 8 }), () => RedisServer.make(), {
        concurrency: "unbounded",
      })
      const ports = servers.map(({ port }) => port)
      assert.strictEqual(new Set(ports).size, 8)
      assert.isBelow(Math.max(...ports), 55_536)
    }),
  )

  it.live("a port that somebody else has is not taken for ours", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const error = yield* Effect.promise(() =>
        RedisProcess.start({ binary: RedisBinary.find(), directory: "/", args: [], port: redis.port }).then(
          () => "started",
          (reason: unknown) => String(reason),
        ),
      )
      assert.match(error, /no port could be bound/u)
    }),
  )

  it.live("a server ends with its scope, paused or not", () =>
    Effect.gen(function* () {
      const pids = yield* Effect.scoped(
        Effect.gen(function* () {
          const redis = yield* RedisServer.make()
          const paused = yield* RedisServer.make()
          yield* paused.pause
          return [redis.pid(), paused.pid()]
        }),
      )
      assert.deepStrictEqual(pids.map(isAlive), [false, false])
    }),
  )

  it.live("a server ends with the process that started it, also when that is killed", () =>
    Effect.gen(function* () {
      // It cannot clean up after itself.
      const directory = yield* TemporaryDirectory.make
      const pid = yield* Effect.promise(
        () =>
          new Promise<number>((resolve) => {
            const child = spawn(process.execPath, [fileURLToPath(new URL("orphan.ts", import.meta.url))], {
              env: { ...process.env, TMPDIR: directory },
              stdio: ["ignore", "pipe", "inherit"],
            })
            child.stdout.once("data", (data) => {
              child.kill("SIGKILL")
              resolve(Number(data))
            })
          }),
      )
      yield* untilGone(pid)
    }),
  )
})
