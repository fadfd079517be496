/**
 * What it costs to find out that a large value is still the same: to have it sent and compare it here, or to
 * have Redis hash it. Both by the script that the backup uses, in questions as large as the backup's, in turn.
 *
 * `npm run -s bench:digests -- [--rounds 5]`
 */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as EntityTag from "../../src/store/EntityTag.ts"
import type { Argument, RedisClient } from "../../src/store/RedisClient.ts"
import * as RedisLink from "../../src/store/RedisLink.ts"
import * as RedisScript from "../../src/store/RedisScript.ts"
import { COMPARE_MAX_BYTES } from "../../src/store/Store.ts"
import * as RedisServer from "../../test/RedisServer.ts"
import * as Figures from "./Figures.ts"

const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } })
const ROUNDS = Number(flags.rounds)
const SIZES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576]
const KEYS_MAX = 100
/** Compared in a round. */
const BYTES = 128 * 1_024 * 1_024
const VALUES_MAX = 10_000
const MICROS = 1e6

type Server = RedisServer.RedisServer["Service"]

interface Held {
  readonly key: string
  readonly bytes: Buffer
  readonly etag: string
}

/** What Redis has spent and said until now; the time of its main thread in microseconds. */
const spent = Effect.fnUntraced(function* (server: Server) {
  const info = (yield* Effect.forEach(["cpu", "stats", "commandstats"], (part) => server.cli("INFO", part)))
    .map(String)
    .join()
  const number = (pattern: RegExp) => Number(pattern.exec(info)?.[1] ?? 0)
  return {
    cpu:
      MICROS * (number(/used_cpu_sys_main_thread:([\d.]+)/) + number(/used_cpu_user_main_thread:([\d.]+)/)),
    bytes: number(/total_net_output_bytes:(\d+)/),
    scripts: number(/cmdstat_evalsha:calls=(\d+)/),
    inScripts: number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/),
  }
})

const ask = (client: RedisClient, slice: ReadonlyArray<Held>, args: ReadonlyArray<Argument>) =>
  Effect.callback<ReadonlyArray<unknown>>((resume) =>
    client.run(
      RedisScript.READ_MANY,
      slice.map(({ key }) => key),
      args,
      (fault, reply) =>
        resume(Array.isArray(reply) ? Effect.succeed(reply) : Effect.die(fault ?? "not an array")),
    ),
  )

/** Each value once, a slice at a time. */
const compare = Effect.fnUntraced(function* (
  client: RedisClient,
  slices: ReadonlyArray<ReadonlyArray<Held>>,
  hashed: boolean,
) {
  for (const slice of slices) {
    const args = hashed ? slice.flatMap(({ bytes, etag }) => [etag, bytes.byteLength]) : []
    const reply = yield* ask(client, slice, args)
    for (const [index, { bytes }] of slice.entries()) {
      const answer = reply[2 * index]
      const same = Buffer.isBuffer(answer)
        ? Buffer.compare(new Uint8Array(answer), bytes) === 0
        : answer === 1
      if (!same) return yield* Effect.die("it is another")
    }
  }
})

const measure = Effect.fnUntraced(function* (server: Server, client: RedisClient, size: number) {
  yield* server.cli("FLUSHALL")
  const held = Array.from({ length: Math.min(VALUES_MAX, BYTES / size) }, (_, index): Held => {
    const bytes = randomBytes(size)
    return { key: `key ${index}`, bytes, etag: EntityTag.of(bytes) }
  })
  for (const { bytes, key } of held) yield* server.cli("SET", key, bytes)
  const perSlice = Math.min(KEYS_MAX, Math.floor(COMPARE_MAX_BYTES / size))
  const slices = Array.from({ length: Math.ceil(held.length / perSlice) }, (_, index) =>
    held.slice(index * perSlice, (index + 1) * perSlice),
  )
  const turn = Effect.fnUntraced(function* (hashed: boolean) {
    const before = yield* spent(server)
    const cpu = process.cpuUsage()
    const start = performance.now()
    yield* compare(client, slices, hashed)
    const wall = performance.now() - start
    const { system, user } = process.cpuUsage(cpu)
    const after = yield* spent(server)
    return {
      redis: (after.cpu - before.cpu) / held.length,
      here: (system + user) / held.length,
      wall: (1_000 * wall) / held.length,
      bytes: (after.bytes - before.bytes) / held.length,
      heldMillis: (after.inScripts - before.inScripts) / (after.scripts - before.scripts) / 1_000,
    }
  })
  const turns = { sent: [yield* turn(false)], hashed: [yield* turn(true)] }
  for (let round = 0; round < ROUNDS; round++) {
    turns.sent.push(yield* turn(false))
    turns.hashed.push(yield* turn(true))
  }
  return (["sent", "hashed"] as const).map((kind) => {
    const figure = (of: "redis" | "here" | "wall" | "bytes" | "heldMillis") =>
      Figures.figure(turns[kind].slice(1).map((sample) => sample[of]))
    return {
      size,
      kind,
      redis: figure("redis"),
      here: figure("here"),
      wall: figure("wall"),
      bytes: figure("bytes"),
      heldMillis: figure("heldMillis"),
    }
  })
})

const machine = Figures.machine("bench:digests")
const rows = await Effect.runPromise(
  Effect.gen(function* () {
    const server = yield* RedisServer.make()
    const { client } = yield* RedisLink.make({ url: server.url, timeoutMillis: 5_000 })
    return yield* Effect.forEach(SIZES, (size) => measure(server, client, size))
  }).pipe(Effect.scoped),
)

console.log(
  Figures.table([
    ["value", "", "Redis CPU µs", "CPU here µs", "µs", "bytes sent", "one script ms"],
    ...rows
      .flat()
      .map(({ bytes, heldMillis, here, kind, redis, size, wall }) => [
        String(size),
        kind,
        Figures.show(redis, 1),
        Figures.show(here, 1),
        Figures.show(wall, 1),
        bytes.median.toFixed(0),
        Figures.show(heldMillis, 2),
      ]),
  ]),
)
console.log(
  JSON.stringify({
    rows: rows.flat(),
    rounds: ROUNDS,
    redis: Figures.versionFrom("redis-server", ["--version"], /v=(\S+)/),
    ...machine,
  }),
)
