/** A real master with a replica, watched by three sentinels; gone with the scope. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as RedisBinary from "./RedisBinary.ts"
import * as RedisProcess from "./RedisProcess.ts"
import * as RedisServer from "./RedisServer.ts"
import * as RedisWire from "./RedisWire.ts"

export type Node = RedisServer.RedisServer["Service"]

export class RedisSentinelServer extends Context.Service<
  RedisSentinelServer,
  {
    readonly url: string
    readonly nodes: ReadonlyArray<Node>
    /** As the sentinels say. */
    readonly master: Effect.Effect<Node>
    readonly replica: Effect.Effect<Node>
    /** As an administrator asks for it; done when a sentinel names the other one. */
    readonly failover: Effect.Effect<void>
    /** Done when all sentinels name it. */
    readonly named: (master: Node) => Effect.Effect<void>
    /** The replica has caught up and the sentinels know it. */
    readonly settled: Effect.Effect<void>
  }
>()("cache-mechanism/test/RedisSentinelServer") {}

const GROUP = "main"

export interface Options {
  /** How long the master may be silent until it counts as down. */
  readonly downAfterMillis?: number
  /** An attempt ends after this, and twice as long after it began there may be another one. */
  readonly failoverTimeoutMillis?: number
}

const sentinel = Effect.fnUntraced(function* (
  masterPort: number,
  options: Options,
): Effect.fn.Return<RedisProcess.RedisProcess, never, Scope.Scope> {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "cache-mechanism-sentinel-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  )
  const binary = join(directory, "sentinel.sh")
  yield* Effect.promise(async () => {
    // A sentinel keeps what it knows in its file.
    const file = join(directory, "sentinel.conf")
    await writeFile(
      file,
      [
        `sentinel monitor ${GROUP} 127.0.0.1 ${masterPort} 2`,
        `sentinel down-after-milliseconds ${GROUP} ${options.downAfterMillis ?? 1000}`,
        `sentinel failover-timeout ${GROUP} ${options.failoverTimeoutMillis ?? 5000}`,
        `sentinel parallel-syncs ${GROUP} 1`,
        "",
      ].join("\n"),
    )
    await writeFile(binary, `#!/bin/sh\nexec "${RedisBinary.find()}" "${file}" "$@" --sentinel\n`)
    await chmod(binary, 0o755)
  })
  return yield* Effect.acquireRelease(
    Effect.promise(() => RedisProcess.start({ binary, directory, args: [] })),
    (process) => Effect.promise(() => process.kill()),
  )
})

export const make = Effect.fnUntraced(function* (
  options: Options = {},
): Effect.fn.Return<RedisSentinelServer["Service"], never, Scope.Scope> {
  const first = yield* RedisServer.make(["--repl-diskless-sync-delay", "0"])
  const second = yield* RedisServer.make(
    `--repl-diskless-sync-delay 0 --replicaof 127.0.0.1 ${first.port}`.split(" "),
  )
  const nodes = [first, second]
  const caughtUp = (node: Node) =>
    Effect.map(node.cli("INFO", "replication"), (text) => !/link_status:down/u.test(String(text)))
  const until = (condition: Effect.Effect<boolean>) =>
    condition.pipe(
      Effect.catchDefect(() => Effect.succeed(false)),
      Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout("20 seconds"),
      Effect.orDie,
      Effect.asVoid,
    )
  yield* until(caughtUp(second))
  const sentinels = yield* Effect.forEach([1, 2, 3], () => sentinel(first.port, options), {
    concurrency: "unbounded",
  })

  const ask = (port: number, ...command: RedisWire.Command) =>
    Effect.promise(async () => {
      const [reply = null] = await RedisWire.request(port, [["SENTINEL", ...command]])
      return RedisWire.textOf(reply)
    })
  const fields = (port: number) =>
    Effect.map(ask(port, "MASTER", GROUP), (reply) => {
      const all = Array.isArray(reply) ? reply.map(String) : []
      return new Map(all.flatMap((name, index) => (index % 2 === 0 ? [[name, all[index + 1] ?? ""]] : [])))
    })
  const views = Effect.forEach(sentinels, ({ port }) => fields(port))
  const masterPort = Effect.map(fields(sentinels[0]?.port ?? 0), (view) => Number(view.get("port")))
  const master = Effect.map(masterPort, (port) => (port === first.port ? first : second))
  const replica = Effect.map(masterPort, (port) => (port === first.port ? second : first))
  const named = (node: Node) =>
    until(Effect.map(views, (all) => all.every((view) => view.get("port") === `${node.port}`)))
  const settled = until(
    Effect.gen(function* () {
      const all = yield* views
      return (
        all.every(
          (view) =>
            view.get("flags") === "master" &&
            view.get("num-slaves") === "1" &&
            view.get("num-other-sentinels") === "2",
        ) &&
        (yield* caughtUp(first)) &&
        (yield* caughtUp(second))
      )
    }),
  )
  yield* settled

  return {
    url: `redis-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/${GROUP}`,
    nodes,
    master,
    replica,
    named,
    settled,
    failover: Effect.gen(function* () {
      const next = yield* replica
      // Refused while a replica is not known to be good.
      yield* until(Effect.map(ask(sentinels[0]?.port ?? 0, "FAILOVER", GROUP), (reply) => reply === "OK"))
      yield* until(Effect.map(masterPort, (port) => port === next.port))
    }),
  }
})

export const layer: Layer.Layer<RedisSentinelServer> = Layer.effect(RedisSentinelServer, make())
