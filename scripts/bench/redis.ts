/**
 * Reads through the library over a Redis on loopback: per second with L1 on and off, in turn, and what Redis
 * was spared; how long after a foreign writer's acknowledgement L1 still held the old value; and whether
 * anything stale is left when all is quiet.
 *
 * `npm run -s bench:redis -- [--rounds 5] [--seconds 1] [--reads 2000000]`
 *
 * `--reads`: before L1 is compared with Redis; 10000000 for the whole claim.
 */
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { Tracker } from "../../src/store/Tracker.ts"
import { Cache } from "../../src/cache/Cache.ts"
import { Heard, type Spread, spreadOf } from "../../test/chaos/Heard.ts"
import * as Rest from "../../test/chaos/Rest.ts"
import * as RedisServer from "../../test/RedisServer.ts"
import * as Figures from "./Figures.ts"
import * as RedisLoad from "./RedisLoad.ts"
import * as RedisStack from "./RedisStack.ts"

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    reads: { type: "string", default: "2000000" },
  },
})
const rounds = Number(flags.rounds)
const seconds = Number(flags.seconds)
const readsWanted = Number(flags.reads)

const WARM_UP_SECONDS = 0.5
const STALENESS_SECONDS = 6
/** Written in turn: a key comes again after a quarter of a second, so each invalidation belongs to one write. */
const PROBES = RedisLoad.keys.slice(0, 50)
const PROBE_PAUSE_MILLIS = 5
const TARGET_READS_PER_SECOND = 20_000
/** While L1 is on and off. */
const WRITES_PAUSE_MILLIS = 5
/** How often L1 is compared with Redis. */
const REST_PARTS = 8
/** Of the writer meanwhile. */
const REST_PAUSE_MILLIS = 1
const REST_BURST = 10
const MICROS_PER_SECOND = 1e6
const COMMANDS_PER_READS = 1_000

type Server = RedisServer.RedisServer["Service"]

const until = (forSeconds: number) => {
  const end = performance.now() + forSeconds * 1_000
  return () => performance.now() > end
}

/** Runs of the scripts that read, as Redis counts them. */
const scriptsRun = Effect.fnUntraced(function* (server: Server) {
  const info = String(yield* server.cli("INFO", "commandstats"))
  return Array.from(info.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)).reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  )
})

const load = (server: Server, heard: Heard) =>
  Effect.fnUntraced(function* (l1: "on" | "off", forSeconds: number) {
    const { stats } = yield* Cache
    const before = yield* stats
    const scripts = yield* scriptsRun(server)
    const cpu = process.cpuUsage()
    const options = { port: server.port, valueBytes: RedisLoad.VALUE_BYTES, keys: RedisLoad.keys }
    const [read] = yield* RedisStack.writing(
      { ...options, pauseMillis: WRITES_PAUSE_MILLIS, burst: 1 },
      heard,
      RedisLoad.read(until(forSeconds)),
    )
    const { system, user } = process.cpuUsage(cpu)
    const after = yield* stats
    return {
      l1,
      perSecond: read.reads / read.seconds,
      perCpuSecond: (read.reads / (system + user)) * MICROS_PER_SECOND,
      commandsPerThousand: (COMMANDS_PER_READS * ((yield* scriptsRun(server)) - scripts)) / read.reads,
      hitPercent: (100 * (after.hits - before.hits)) / read.reads,
    }
  })

/** L1 on and off in turn, in one process and over one Redis. */
const race = Effect.fnUntraced(function* (server: Server) {
  const idle = new Heard(() => false)
  const run = load(server, idle)
  const turn = (l1: "on" | "off") =>
    Effect.gen(function* () {
      const { getMany } = yield* Cache
      yield* getMany(RedisLoad.keys)
      yield* run(l1, WARM_UP_SECONDS)
      return yield* run(l1, seconds)
    }).pipe(Effect.provide(RedisStack.layer(server.url, idle, l1)))
  const samples: Array<Effect.Success<ReturnType<typeof run>>> = []
  for (let round = 0; round < rounds; round++) samples.push(yield* turn("on"), yield* turn("off"))
  const of = (l1: "on" | "off") => {
    const mine = samples.filter((sample) => sample.l1 === l1)
    return {
      perSecond: Figures.figure(mine.map((sample) => sample.perSecond)),
      perCpuSecond: Figures.figure(mine.map((sample) => sample.perCpuSecond)),
      commandsPerThousandReads: Figures.figure(mine.map((sample) => sample.commandsPerThousand)),
      hitPercent: Figures.figure(mine.map((sample) => sample.hitPercent)),
    }
  }
  const rates = (l1: "on" | "off") =>
    samples.filter((sample) => sample.l1 === l1).map((sample) => sample.perSecond)
  const [on, off] = [of("on"), of("off")]
  return {
    on,
    off,
    ratio: Figures.ratio(rates("on"), rates("off")),
    commandsSavedPercent:
      100 * (1 - on.commandsPerThousandReads.median / off.commandsPerThousandReads.median),
  }
})

interface Staleness extends Spread {
  readonly readsPerSecond: number
  readonly writes: number
  readonly missed: number
}

/** From the acknowledgement of a foreign write to the moment when L1 no longer holds what was before it. */
const staleness = Effect.fnUntraced(function* (server: Server, readsPerSecond: number) {
  const heard = new Heard((key) => PROBES.includes(key))
  const options = { port: server.port, valueBytes: RedisLoad.VALUE_BYTES, keys: PROBES }
  const [{ reads, seconds: took }, writes] = yield* Effect.gen(function* () {
    yield* (yield* Cache).getMany(RedisLoad.keys)
    return yield* RedisStack.writing(
      { ...options, pauseMillis: PROBE_PAUSE_MILLIS, burst: 1 },
      heard,
      readsPerSecond === 0
        ? Effect.as(Effect.sleep(`${STALENESS_SECONDS} seconds`), { reads: 0, seconds: STALENESS_SECONDS })
        : RedisLoad.read(until(STALENESS_SECONDS), readsPerSecond),
    )
  }).pipe(Effect.provide(RedisStack.layer(server.url, heard, "on")))
  heard.settle(Infinity)
  return {
    readsPerSecond: Math.round(reads / took),
    writes,
    ...spreadOf(heard.millis),
    missed: heard.missed,
  } satisfies Staleness
})

/** Reads at full speed against a writer; then the writer stops, a fence, and every entry is compared. */
const rest = Effect.fnUntraced(function* (server: Server) {
  const heard = new Heard(() => false)
  const options = {
    port: server.port,
    valueBytes: RedisLoad.VALUE_BYTES,
    keys: RedisLoad.keys,
    pauseMillis: REST_PAUSE_MILLIS,
    burst: REST_BURST,
  }
  const found = { reads: 0, writes: 0, compared: 0, stale: 0 }
  const part = Effect.gen(function* () {
    const tracker = yield* Tracker
    const [{ reads }, writes] = yield* RedisStack.writing(
      options,
      heard,
      RedisLoad.read((done) => done >= readsWanted / REST_PARTS),
    )
    // What was read last may still be on its way; a key that is not in L1 cannot be stale.
    yield* tracker.fence
    const { stale, trusted } = yield* Rest.compare([server])
    found.reads += reads
    found.writes += writes
    found.compared += trusted
    found.stale += stale.length
  })
  yield* Effect.repeat(part, { times: REST_PARTS - 1 }).pipe(
    Effect.provide(RedisStack.layer(server.url, heard, "on")),
  )
  return found
})

const show = (figure: Figures.Figure, digits = 0) => Figures.show(figure, digits)

const program = Effect.gen(function* () {
  const machine = Figures.machine("bench:redis")
  const server = yield* RedisServer.make()
  yield* server.pipeline(RedisLoad.keys.map((key) => ["SET", key, "".padEnd(RedisLoad.VALUE_BYTES, ".")]))

  const reads = yield* race(server)
  const heading = ["L1", "reads/s", "reads/CPU s", "Redis commands/1000 reads", "hits %"]
  const line = (name: string, of: typeof reads.on) => [
    name,
    show(of.perSecond),
    show(of.perCpuSecond),
    show(of.commandsPerThousandReads, 1),
    show(of.hitPercent, 1),
  ]
  console.log(Figures.table([heading, line("on", reads.on), line("off", reads.off)]))
  console.log(
    `ratio ${show(reads.ratio, 1)}, Redis commands saved ${reads.commandsSavedPercent.toFixed(2)} %\n`,
  )

  const stale = {
    idle: yield* staleness(server, 0),
    target: yield* staleness(server, TARGET_READS_PER_SECOND),
    full: yield* staleness(server, Infinity),
  }
  console.log(
    Figures.table([
      ["staleness, ms", "reads/s", "writes", "p50", "p99", "max", "missed"],
      ...Object.entries(stale).map(([name, of]) => [
        name,
        String(of.readsPerSecond),
        String(of.writes),
        ...[of.p50, of.p99, of.max].map((millis) => millis.toFixed(3)),
        String(of.missed),
      ]),
    ]),
  )

  const atRest = yield* rest(server)
  console.log(
    `\nstale at rest: ${atRest.stale} of ${atRest.compared} entries compared, ` +
      `after ${atRest.reads} reads against ${atRest.writes} foreign writes`,
  )
  return { reads, staleness: stale, rest: atRest, machine }
}).pipe(Effect.scoped, Effect.provide(Layer.succeed(References.MinimumLogLevel, "None")))

console.log(`
on, off  Cache.get over Redis, the same code with an L1 of 100,000 entries or of none (then all that
         concurrent reads of a key share is one question); ${RedisLoad.FIBERS} fibers, ${RedisLoad.KEYS} keys, Zipf ${RedisLoad.ZIPF},
         values of ${RedisLoad.VALUE_BYTES} bytes, a foreign writer with a write every ${WRITES_PAUSE_MILLIS} ms in a thread of its own
stale    from the writer's acknowledgement until L1 has dropped the old value; below 0: before the
         writer was told. Targets: p99 < 2 ms at 20,000 reads/s, 0 stale at rest
`)
const { machine, ...figures } = await Effect.runPromise(program)
console.log(
  JSON.stringify({
    ...figures,
    rounds,
    seconds,
    fibers: RedisLoad.FIBERS,
    keys: RedisLoad.KEYS,
    zipf: RedisLoad.ZIPF,
    valueBytes: RedisLoad.VALUE_BYTES,
    effect: Figures.versionOf("effect"),
    ioredis: Figures.versionOf("ioredis"),
    redis: Figures.versionFrom("redis-server", ["--version"], /v=(\S+)/),
    ...machine,
  }),
)
