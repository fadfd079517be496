/**
 * A real Redis for tests: a port of its own, an empty directory, nothing saved; gone with the scope.
 *
 *     layer(RedisServer.layer)("…", (it) => it.effect("…", () => Effect.gen(function* () {
 *       const redis = yield* RedisServer.RedisServer
 *       yield* redis.cli("SET", "key", "written by somebody else")
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as RedisBinary from "./RedisBinary.ts"
import * as RedisProcess from "./RedisProcess.ts"
import * as RedisWire from "./RedisWire.ts"

export class RedisServer extends Context.Service<
  RedisServer,
  {
    readonly url: string
    readonly port: number
    /** Another one after `start`. */
    readonly pid: () => number
    /** One command on a connection of its own, as anybody could send it. An error in the reply is a defect. */
    readonly cli: (...command: RedisWire.Command) => Effect.Effect<RedisWire.Text>
    /** The same with bytes in the reply. */
    readonly raw: (...command: RedisWire.Command) => Effect.Effect<RedisWire.Reply>
    /** Many commands on one connection, sent at once; errors are among the replies. */
    readonly pipeline: (
      commands: ReadonlyArray<RedisWire.Command>,
    ) => Effect.Effect<ReadonlyArray<RedisWire.Text>>
    /** SIGKILL; done when it is gone. */
    readonly stop: Effect.Effect<void>
    /** On the same port, empty. */
    readonly start: Effect.Effect<void>
    /** SIGSTOP: its connections stay, even new ones come about, nothing answers. */
    readonly pause: Effect.Effect<void>
    readonly resume: Effect.Effect<void>
  }
>()("cache-mechanism/test/RedisServer") {}

/** `args` are added to the server's command line. */
export const make = Effect.fnUntraced(function* (
  args: ReadonlyArray<string> = [],
): Effect.fn.Return<RedisServer["Service"], never, Scope.Scope> {
  const binary = yield* Effect.sync(RedisBinary.find)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "cache-mechanism-redis-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  )
  let current = yield* Effect.promise(() => RedisProcess.start({ binary, directory, args }))
  const { port } = current
  const stop = Effect.promise(() => current.kill())
  yield* Effect.addFinalizer(() => stop)

  const pipeline = (commands: ReadonlyArray<RedisWire.Command>) =>
    Effect.promise(() => RedisWire.request(port, commands))
  const raw = (...command: RedisWire.Command) =>
    Effect.flatMap(pipeline([command]), ([reply = null]) =>
      reply instanceof RedisWire.RedisError ? Effect.die(reply) : Effect.succeed(reply),
    )

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => current.pid,
    cli: (...command) => Effect.map(raw(...command), RedisWire.textOf),
    raw,
    pipeline: (commands) => Effect.map(pipeline(commands), (replies) => replies.map(RedisWire.textOf)),
    stop,
    start: Effect.promise(async () => {
      current = await RedisProcess.start({ binary, directory, args, port })
    }),
    pause: Effect.sync(() => current.signal("SIGSTOP")),
    resume: Effect.sync(() => current.signal("SIGCONT")),
  }
})

/** One server for all tests of a block. */
export const layer: Layer.Layer<RedisServer> = Layer.effect(RedisServer, make())
