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

type Work = (port: number, isOver: () => boolean) => Promise<void>

const rest: Work = async () => {}

/** All of L1 at one instant, page by page, again and again. */
const snapshots: Work = async (port, isOver) => {
  let cursor: string | null = null
  while (!isOver()) {
    const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`
    const reply = await fetch(`http://127.0.0.1:${port}/entries?source=l1&limit=1000${from}`)
    const page: { cursor: string | null } = await reply.json()
    cursor = page.cursor
  }
}

/** L1 is compared with Redis; a million entries take longer than all rounds. */
const backup = (port: number): Promise<unknown> =>
  fetch(`http://127.0.0.1:${port}/backup`, { method: "POST" }).then((reply) => reply.arrayBuffer())

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
      BACKUP_EVERY: "24h",
    }),
    load,
    redis,
  )
  for (let round = 0; round < MAX_BACKUPS; round++) {
    if ((await statsOf(server.port)).entries >= ENTRIES) return server
    await backup(server.port)
  }
  throw new Error(`L1 did not take in ${ENTRIES} entries`)
}

export interface Latencies {
  readonly p50: Figures.Figure
  readonly p99: Figures.Figure
  readonly p999: Figures.Figure
  readonly wrong: number
}

/** By name: bare, and the service at each work. They take turns, but for the backup, which is one long one. */
export const measure = async (
  load: Load,
  redis: Process.Running,
  rounds: number,
  millis: number,
): Promise<ReadonlyMap<string, Latencies>> => {
  const reference = await start(bare, load, undefined)
  const server = await startFull(load, redis)
  const results = new Map<string, Array<Result>>()
  const visit = async (name: string, port: number, work: Work = rest) => {
    let isOver = false
    const working = work(port, () => isOver)
    const order = { _tag: "Rate", perSecond: PER_SECOND, millis } as const
    const result = await load.run({ port, request: bare.read, order })
    isOver = true
    await working
    results.set(name, [...(results.get(name) ?? []), result])
  }

  for (const { port } of [reference, server])
    await load.run({ port, request: bare.read, order: { _tag: "Random", millis: WARM_UP_MILLIS } })
  for (let round = 0; round < rounds; round++) {
    await visit("bare, at rest", reference.port)
    await visit("ours, at rest", server.port)
    await visit("ours, during snapshots", server.port, snapshots)
  }
  let isBackedUp = false
  const backedUp = backup(server.port).then(() => (isBackedUp = true))
  for (let round = 0; round < rounds; round++) await visit("ours, during a backup", server.port)
  if (isBackedUp) throw new Error("the backup was over too early")
  await backedUp
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
      },
    ]),
  )
}

const DIGITS = 2

export const show = (measured: ReadonlyMap<string, Latencies>): string =>
  Figures.table([
    [`${PER_SECOND} req/s`, "p50 ms", "p99 ms", "p99.9 ms", "wrong"],
    ...Array.from(measured, ([name, { p50, p99, p999, wrong }]) => [
      `  ${name}`,
      Figures.show(p50, DIGITS),
      Figures.show(p99, DIGITS),
      Figures.show(p999, DIGITS),
      String(wrong),
    ]),
  ])
