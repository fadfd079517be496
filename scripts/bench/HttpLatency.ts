/**
 * How long requests take when they come at a fixed rate, which no server here is short of: the service beside a bare
 * `node:http`, at rest and while it does the heaviest work that it does in the background, with a million
 * entries in L1.
 */
import { execFileSync } from "node:child_process"
import * as Figures from "./Figures.ts"
import { bare, type Contestant, ours } from "./HttpContestants.ts"
import type { Load, Result } from "./Load.ts"
import * as Process from "./Process.ts"

export const PER_SECOND = 4_000
export const ENTRIES = 1_000_000
const WARM_UP_MILLIS = 2_000

/** What the service does meanwhile; each returns how often it was done. */
const works = {
  "at rest": async () => 0,
  /** L1 is compared with Redis, round after round. */
  "during backups": (port: number, isOver: () => boolean) =>
    repeat(isOver, async () => {
      await (await fetch(`http://127.0.0.1:${port}/backup`, { method: "POST" })).arrayBuffer()
    }),
  /** All of L1 at one instant, page by page. */
  "during snapshots": (port: number, isOver: () => boolean) =>
    repeat(isOver, async () => {
      for (let cursor: string | null = ""; cursor !== null && !isOver();) {
        const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`
        const reply = await fetch(`http://127.0.0.1:${port}/entries?source=l1&limit=1000${from}`)
        const page: { cursor: string | null } = await reply.json()
        cursor = page.cursor
      }
    }),
} satisfies Readonly<Record<string, (port: number, isOver: () => boolean) => Promise<number>>>

const repeat = async (isOver: () => boolean, work: () => Promise<void>): Promise<number> => {
  let done = 0
  for (; !isOver(); done++) await work()
  return done
}

/** `KEYS` of the load and enough others, written by somebody else; then a backup brings them into L1. */
const fill = (redis: Process.Running): void => {
  const script = `for i = 1, ${ENTRIES} do redis.call("SET", "other-" .. i, '{"number":' .. i .. ',"text":"xxxxxxxxxxxxxxxxxxxxxxxx"}') end`
  execFileSync("redis-cli", ["-p", String(redis.port), "EVAL", script, "0"], { stdio: "ignore" })
}

const statsOf = async (port: number): Promise<{ readonly entries: number }> =>
  await (await fetch(`http://127.0.0.1:${port}/stats`)).json()

const MAX_BACKUPS = 20

const start = async (
  { start: startIt, ready, read, write }: Contestant,
  load: Load,
  redis: Process.Running | undefined,
): Promise<Process.Running> => {
  const server = await startIt("hit", redis)
  await Process.answers(server, ready)
  await load.run({ port: server.port, request: write, order: { _tag: "Each" } })
  await load.run({ port: server.port, request: read, order: { _tag: "Each" } })
  return server
}

const startFull = async (load: Load, redis: Process.Running): Promise<Process.Running> => {
  fill(redis)
  const server = await start(
    ours("ours", Process.BUILT, {
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      CACHE_MAX_ENTRIES: String(2 * ENTRIES),
      CACHE_MAX_BYTES: "2 GiB",
      // What it may still do in a request that waits for others.
      STORE_TIMEOUT: "30 seconds",
    }),
    load,
    redis,
  )
  for (let round = 0; round < MAX_BACKUPS; round++) {
    if ((await statsOf(server.port)).entries >= ENTRIES) return server
    await (await fetch(`http://127.0.0.1:${server.port}/backup`, { method: "POST" })).arrayBuffer()
  }
  throw new Error(`L1 did not take in ${ENTRIES} entries`)
}

export interface Latencies {
  readonly p50: Figures.Figure
  readonly p99: Figures.Figure
  readonly p999: Figures.Figure
  readonly wrong: number
  /** How often the work in the background was done, in all rounds. */
  readonly works: number
}

/** By name: bare, and the service at each work. Every round has all of them, one after the other. */
export const measure = async (
  load: Load,
  redis: Process.Running,
  rounds: number,
  millis: number,
): Promise<ReadonlyMap<string, Latencies>> => {
  const reference = await start(bare, load, undefined)
  const server = await startFull(load, redis)
  const results = new Map<string, Array<Result>>()
  const counts = new Map<string, number>()

  const visit = async (name: string, port: number, work: (typeof works)[keyof typeof works]) => {
    let isOver = false
    const working = work(port, () => isOver)
    const result = await load.run({
      port,
      request: bare.read,
      order: { _tag: "Rate", perSecond: PER_SECOND, millis },
    })
    isOver = true
    counts.set(name, (counts.get(name) ?? 0) + (await working))
    results.set(name, [...(results.get(name) ?? []), result])
  }

  for (const { port } of [reference, server])
    await load.run({ port, request: bare.read, order: { _tag: "Random", millis: WARM_UP_MILLIS } })
  for (let round = 0; round < rounds; round++) {
    await visit("bare, at rest", reference.port, works["at rest"])
    for (const [name, work] of Object.entries(works)) await visit(`ours, ${name}`, server.port, work)
  }
  await reference.stop()
  await server.stop()
  return new Map(
    Array.from(results, ([name, of]): readonly [string, Latencies] => [
      name,
      {
        p50: Figures.figure(of.map(({ p50 }) => p50)),
        p99: Figures.figure(of.map(({ p99 }) => p99)),
        p999: Figures.figure(of.map(({ p999 }) => p999)),
        wrong: of.reduce((sum, { requests, statuses }) => sum + requests - (statuses[200] ?? 0), 0),
        works: counts.get(name) ?? 0,
      },
    ]),
  )
}

const DIGITS = 2

export const show = (measured: ReadonlyMap<string, Latencies>): string =>
  Figures.table([
    [`${PER_SECOND} req/s`, "p50 ms", "p99 ms", "p99.9 ms", "wrong", "works"],
    ...Array.from(measured, ([name, { p50, p99, p999, works: done, wrong }]) => [
      `  ${name}`,
      Figures.show(p50, DIGITS),
      Figures.show(p99, DIGITS),
      Figures.show(p999, DIGITS),
      String(wrong),
      String(done),
    ]),
  ])
