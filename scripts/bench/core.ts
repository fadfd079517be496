/**
 * CPU nanoseconds per operation of the core, and bytes per entry, next to lru-cache and a plain `Map`: in one
 * process, in turn, each full. Garbage of one may be collected in the turn of another: hence medians.
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
  const heap = ["--expose-gc", "--max-old-space-size=12288"]
  const { status } = spawnSync(process.execPath, [...heap, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  })
  process.exit(status ?? 1)
}

const ROUNDS = 7
const SLICE_MILLIS = 60
const STEP = 1_000
const NANOS_PER_MICRO = 1_000
const NANOS_PER_MILLI = 1e6

type Loop = (self: CoreContestants.Contestant, work: Workload.Workload, from: number) => number

/** Each does `STEP` operations, on keys in random order, and returns how many keys it found. */
const operations: ReadonlyArray<readonly [name: string, loop: Loop]> = [
  [
    "hit",
    (self, { keys, order, size }, from) => {
      let found = 0
      for (let at = from; at < from + STEP; at++) if (self.get(keys[order[at % size] ?? 0] ?? "")) found++
      return found
    },
  ],
  [
    "hitBuilt",
    (self, { order, size, text }, from) => {
      let found = 0
      for (let at = from; at < from + STEP; at++) {
        const start = (order[at % size] ?? 0) * Workload.KEY_LENGTH
        if (self.get(text.toString("latin1", start, start + Workload.KEY_LENGTH))) found++
      }
      return found
    },
  ],
  [
    "miss",
    (self, { order, others, size }, from) => {
      let found = 0
      for (let at = from; at < from + STEP; at++) {
        if (self.get(others[order[at % size] ?? 0]?.key ?? "")) found++
      }
      return found
    },
  ],
  [
    "put",
    (self, { keys, order, size }, from) => {
      for (let at = from; at < from + STEP; at++) {
        self.replace(Workload.newEntry(keys[order[at % size] ?? 0] ?? ""))
      }
      return 0
    },
  ],
  [
    "evict",
    (self) => {
      for (let done = 0; done < STEP; done++) self.admit(Workload.newEntry(Workload.newKey()))
      return 0
    },
  ],
]

const make = (size: number) =>
  new Map([
    ["ours", CoreContestants.ours(size)],
    ["lru-cache", CoreContestants.lruCache(size)],
    ["map", CoreContestants.map(size)],
    ["loop", CoreContestants.loop()],
  ])

/** Bytes per entry of what holds the entries: when it has just been filled, and when as many again passed through. */
const bytesPerEntry = (name: string, { entries, others, size }: Workload.Workload) => {
  const self = make(size).get(name)
  const before = Workload.aliveBytes()
  for (const entry of entries) self?.admit(entry)
  const filled = Workload.aliveBytes()
  for (const entry of others) self?.admit(entry)
  const churned = Workload.aliveBytes()
  if (self?.size() !== size) throw new Error(`${name} holds ${self?.size()} of ${size}`)
  return { filled: Math.round((filled - before) / size), churned: Math.round((churned - before) / size) }
}

/** Nanoseconds of CPU, those of the collector's threads included, per operation in one turn. */
const turn = (loop: Loop, self: CoreContestants.Contestant, work: Workload.Workload, from: number): number => {
  const cpu = process.cpuUsage()
  const end = performance.now() + SLICE_MILLIS
  let done = 0
  for (; performance.now() < end; done += STEP) loop(self, work, from + done)
  const { system, user } = process.cpuUsage(cpu)
  return ((system + user) * NANOS_PER_MICRO) / done
}

const nanosPerOperation = (work: Workload.Workload) => {
  const contestants = make(work.size)
  const results: Record<string, Record<string, Figures.Figure>> = {}
  for (const self of contestants.values()) {
    for (const entry of work.entries) self.admit(entry)
    // As warm as it gets: three uses are all that the policy counts.
    for (let use = 0; use < 3; use++) for (const key of work.keys) self.get(key)
  }
  for (const [operation, loop] of operations) {
    if (operation === "evict") {
      // Until who leaves is what an endless stream of new keys left behind.
      for (const self of contestants.values()) for (const entry of work.others) self.admit(entry)
    }
    const turns = new Map(Array.from(contestants.keys(), (name) => [name, new Array<number>()]))
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, self] of contestants) turns.get(name)?.push(turn(loop, self, work, Math.floor((round * work.size) / ROUNDS)))
    }
    results[operation] = Object.fromEntries(
      Array.from(turns, ([name, nanos]) => [name, Figures.figure(nanos.slice(1))]),
    )
  }
  return results
}

const machine = Figures.machine("bench:core")
for (const size of flags.sizes.split(",").map(Number)) {
  const t0 = performance.now()
  const work = Workload.make(size)
  console.log(size, "made", performance.now() - t0, work.overhead)
  for (const name of ["ours", "lru-cache", "map"]) console.log(name, bytesPerEntry(name, work))
  console.log("bytes", performance.now() - t0)
  const results = nanosPerOperation(work)
  for (const [operation, of] of Object.entries(results)) {
    console.log(operation.padEnd(10), Object.entries(of).map(([n, f]) => `${n} ${Figures.show(f)}`).join(" | "))
  }
  console.log("done", performance.now() - t0)
}
