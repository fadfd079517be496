/** One row of `http.ts`: every contestant is started, filled and warmed up, then they take turns under load. */
import * as Figures from "./Figures.ts"
import { type Contestant, expected, type Row } from "./HttpContestants.ts"
import type { Load, Request, Result } from "./Load.ts"
import * as Process from "./Process.ts"

export interface Options {
  readonly load: Load
  readonly redis: Process.Running | undefined
  readonly rounds: number
  readonly millis: number
}

/** One contestant's round. CPU is that of the server alone, and that of Redis, per request. */
interface Sample {
  readonly result: Result
  readonly cpuMicros: number
  readonly redisMicros: number
}

/** A contestant, in a process that lives as long as the row. */
interface Entrant {
  readonly contestant: Contestant
  readonly server: Process.Running
  readonly samples: Array<Sample>
}

export interface Outcome {
  readonly samples: ReadonlyArray<Sample>
  /** Part of the reads that its L1 answered, for those that have one. */
  readonly hitRatio: number | undefined
}

const WARM_UP_MILLIS = 2_000
const MICROS_PER_SECOND = 1e6

/** By name of the contestant. */
export const run = async (
  row: Row,
  contestants: ReadonlyArray<Contestant>,
  options: Options,
): Promise<ReadonlyMap<string, Outcome>> => {
  const entrants: Array<Entrant> = []
  for (const contestant of contestants) entrants.push(await enter(row, contestant, options))
  for (let round = 0; round < options.rounds; round++) {
    // Everybody is first in some round.
    const at = round % entrants.length
    for (const entrant of [...entrants.slice(at), ...entrants.slice(0, at)]) {
      entrant.samples.push(await race(row, entrant, options, options.millis))
    }
  }
  const outcomes = new Map<string, Outcome>()
  for (const { contestant, samples, server } of entrants) {
    outcomes.set(contestant.name, { samples, hitRatio: await contestant.hitRatio?.(server) })
    await server.stop()
  }
  return outcomes
}

const enter = async (row: Row, contestant: Contestant, options: Options): Promise<Entrant> => {
  const server = await contestant.start(row, options.redis)
  await Process.answers(server, contestant.ready)
  const entrant = { contestant, server, samples: [] }
  await visit(contestant.write, server, options.load)
  await race(row, entrant, options, WARM_UP_MILLIS)
  return entrant
}

/** Every key once. */
const visit = (request: Request, { port }: Process.Running, load: Load) =>
  load.run({ port, request, order: { _tag: "Each" } })

const race = async (
  row: Row,
  { contestant, server }: Entrant,
  { load, redis }: Options,
  millis: number,
): Promise<Sample> => {
  // Brings everything into L1, and the tags that 304 sends.
  if (row === "hit" || row === "304") await visit(contestant.read, server, load)
  const request = row === "put" ? contestant.write : { ...contestant.read, revalidate: row === "304" }
  const cpu = Process.cpuSeconds(server.pid)
  const redisCpu = redis === undefined ? 0 : Process.cpuSeconds(redis.pid)
  const result = await load.run({ port: server.port, request, order: { _tag: "Random", millis } })
  const perRequest = (pid: number, before: number) =>
    ((Process.cpuSeconds(pid) - before) / result.requests) * MICROS_PER_SECOND
  return {
    result,
    cpuMicros: perRequest(server.pid, cpu),
    redisMicros: redis === undefined ? 0 : perRequest(redis.pid, redisCpu),
  }
}

/** What came of a row, over its rounds. */
export const figuresOf = (row: Row, { hitRatio, samples }: Outcome) => {
  const of = (value: (sample: Sample) => number) => Figures.figure(samples.map(value))
  const answered = (sample: Sample) =>
    expected[row].reduce((sum, status) => sum + (sample.result.statuses[status] ?? 0), 0)
  return {
    perSecond: of(({ result }) => result.requests / result.seconds),
    perCpuSecond: of(({ cpuMicros }) => MICROS_PER_SECOND / cpuMicros),
    cpuMicros: of(({ cpuMicros }) => cpuMicros),
    redisMicros: of(({ redisMicros }) => redisMicros),
    p50: of(({ result }) => result.p50),
    p99: of(({ result }) => result.p99),
    p999: of(({ result }) => result.p999),
    requests: samples.reduce((sum, { result }) => sum + result.requests, 0),
    /** Replies with another status than the row is about; must be 0. */
    wrong: samples.reduce((sum, sample) => sum + sample.result.requests - answered(sample), 0),
    ...(hitRatio === undefined ? {} : { hitRatio }),
  }
}

/** How many times the CPU of `self` a request costs `other`: 1 is the same, less means that `self` is dearer. */
export const ratiosOf = (self: Outcome, other: Outcome) => {
  const server = ({ cpuMicros }: Sample) => cpuMicros
  const withRedis = ({ cpuMicros, redisMicros }: Sample) => cpuMicros + redisMicros
  return {
    cpu: Figures.ratio(other.samples.map(server), self.samples.map(server)),
    cpuWithRedis: Figures.ratio(other.samples.map(withRedis), self.samples.map(withRedis)),
  }
}
