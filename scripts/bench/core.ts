/**
 * CPU nanoseconds per operation of the core, and bytes per entry, next to lru-cache and a plain `Map`: in one
 * process, in turn, all full. Garbage of one may be collected in the turn of another: hence medians.
 *
 * `npm run -s bench:core -- [--sizes 1e4,1e5,1e6]`
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as CoreContestants from "./CoreContestants.ts"
import * as Figures from "./Figures.ts"
import * as Workload from "./Workload.ts"

const { values: flags } = parseArgs({ options: { sizes: { type: "string", default: "1e4,1e5,1e6" } } })

if (globalThis.gc === undefined) {
  const args = ["--expose-gc", "--max-old-space-size=8192", fileURLToPath(import.meta.url)]
  const { status } = spawnSync(process.execPath, [...args, ...process.argv.slice(2)], { stdio: "inherit" })
  process.exit(status ?? 1)
}

const ROUNDS = 5
const TURN_MILLIS = 60
/** Operations between two looks at the clock. */
const STEP = 500
const NANOS_PER_MICRO = 1_000
/** Uses of a key beyond which the policy counts no more. */
const USES = 3

const NOTES = `
CPU nanoseconds per operation, the collector's threads included; median (min..max) of ${ROUNDS} turns
hit       a key that is there and was used often; hitBuilt: its string is built for it
miss      a key that is not there, and not asked for
put       a new entry in place of one: ours beginWrite + settleWrite
evict     a key that was never there, and its entry: ours beginRead + settle; somebody leaves
bytes     on the heap per entry, for what holds the entries; keys and entries themselves excluded
ours      CacheState: S3-FIFO, freshness, deadlines, tokens; lru-cache with max only; map: first in, first out
loop      does nothing: what the loop, the strings and the new entries cost everybody
`

type Loop = (self: CoreContestants.Contestant, work: Workload.Workload, from: number) => void

/** Each does `STEP` operations, on keys in random order. */
const operations: Readonly<Record<string, Loop>> = {
  hit: (self, { visited }, from) => {
    for (let at = from; at < from + STEP; at++) self.get(visited[at % visited.length] ?? "")
  },
  hitBuilt: (self, { text, visited }, from) => {
    for (let at = from; at < from + STEP; at++) {
      const start = (at % visited.length) * Workload.KEY_LENGTH
      self.get(text.toString("latin1", start, start + Workload.KEY_LENGTH))
    }
  },
  miss: (self, { others }, from) => {
    for (let at = from; at < from + STEP; at++) self.get(others[at % others.length]?.key ?? "")
  },
  put: (self, { visited }, from) => {
    for (let at = from; at < from + STEP; at++)
      self.replace(Workload.newEntry(visited[at % visited.length] ?? ""))
  },
  evict: (self) => {
    for (let done = 0; done < STEP; done++) self.admit(Workload.newEntry(Workload.newKey()))
  },
}

/** Nanoseconds of CPU per operation, those of the collector's threads included. */
const turn = (
  loop: Loop,
  self: CoreContestants.Contestant,
  work: Workload.Workload,
  from: number,
): number => {
  const cpu = process.cpuUsage()
  const end = performance.now() + TURN_MILLIS
  let done = 0
  for (; performance.now() < end; done += STEP) loop(self, work, from + done)
  const { system, user } = process.cpuUsage(cpu)
  return ((system + user) * NANOS_PER_MICRO) / done
}

type PerContestant<A> = Readonly<Record<string, A>>

const measure = (size: number) => {
  const work = Workload.make(size)
  const contestants = Object.entries(CoreContestants.make(size))
  const each = <A>(of: (self: CoreContestants.Contestant) => A): PerContestant<A> =>
    Object.fromEntries(contestants.map(([name, self]) => [name, of(self)]))

  const inTurn = (loop: Loop): PerContestant<Figures.Figure> => {
    const turns = new Map(contestants.map(([name]) => [name, new Array<number>()]))
    for (let round = 0; round <= ROUNDS; round++) {
      const from = Math.floor((round * work.visited.length) / ROUNDS)
      for (const [name, self] of contestants) turns.get(name)?.push(turn(loop, self, work, from))
    }
    // The first turn warms up.
    return Object.fromEntries(Array.from(turns, ([name, nanos]) => [name, Figures.figure(nanos.slice(1))]))
  }

  const bytes = each((self) => {
    const before = Workload.alive()
    for (const entry of work.entries) self.admit(entry)
    return Workload.since(before, size).counted
  })
  each((self) => {
    for (const key of work.visited) for (let use = 0; use < USES; use++) self.get(key)
  })
  const nanos: Record<string, PerContestant<Figures.Figure>> = {}
  for (const [name, loop] of Object.entries(operations)) {
    // Who leaves is then what a stream of new keys has left behind, not what the rows before it have.
    if (name === "evict") each((self) => work.others.forEach(self.admit))
    nanos[name] = inTurn(loop)
  }
  return { bytes, nanos }
}

/** Ours over lru-cache. */
const ratioOf = (of: PerContestant<number>): string =>
  (Number(of["ours"]) / Number(of["lru-cache"])).toFixed(2)

const show = (size: number, { bytes, nanos }: ReturnType<typeof measure>): string =>
  Figures.table([
    [`${size} entries`, ...Object.keys(bytes), "ours / lru-cache"],
    ...Object.entries(nanos).map(([operation, of]) => [
      `  ${operation}`,
      ...Object.values(of).map((figure) => Figures.show(figure)),
      ratioOf(Object.fromEntries(Object.entries(of).map(([name, { median }]) => [name, median]))),
    ]),
    ["  bytes", ...Object.values(bytes).map(String), ratioOf(bytes)],
  ])

/** Prints JSON about the memory of an entry. */
const occupancy = (): unknown => {
  const file = fileURLToPath(new URL("Occupancy.ts", import.meta.url))
  // Little room for garbage: it would count as occupied.
  const { stdout } = spawnSync(process.execPath, ["--expose-gc", "--max-semi-space-size=1", file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  })
  return JSON.parse(stdout)
}

console.log(NOTES)
const machine = Figures.machine("bench:core")
const sizes: Record<string, ReturnType<typeof measure>> = {}
for (const size of flags.sizes.split(",").map(Number)) {
  const measured = measure(size)
  sizes[size] = measured
  console.log(show(size, measured))
}

const overhead = occupancy()
console.log("memory of one entry of ours beyond its key and value, in bytes:", overhead)
console.log(
  JSON.stringify({
    sizes,
    overhead,
    rounds: ROUNDS,
    keyLength: Workload.KEY_LENGTH,
    effect: Figures.versionOf("effect"),
    lruCache: Figures.versionOf("lru-cache"),
    ...machine,
  }),
)
