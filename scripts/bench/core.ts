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

/** Each does `STEP` operations on keys in random order and returns how many keys it found. */
const operations: Readonly<Record<string, Loop>> = {
  hit: (self, { keys, order, size }, from) => {
    let found = 0
    for (let at = from; at < from + STEP; at++) if (self.get(keys[order[at % size] ?? 0] ?? "")) found++
    return found
  },
  "hit, key built": (self, { order, size, text }, from) => {
    let found = 0
    for (let at = from; at < from + STEP; at++) {
      const start = (order[at % size] ?? 0) * Workload.KEY_LENGTH
      if (self.get(text.latin1Slice(start, start + Workload.KEY_LENGTH))) found++
    }
    return found
  },
  miss: (self, { absent, order, size }, from) => {
    let found = 0
    for (let at = from; at < from + STEP; at++) if (self.get(absent[order[at % size] ?? 0] ?? "")) found++
    return found
  },
  put: (self, { keys, order, size }, from) => {
    for (let at = from; at < from + STEP; at++) {
      self.replace(Workload.newEntry(keys[order[at % size] ?? 0] ?? ""))
    }
    return STEP
  },
  evict: (self) => {
    for (let done = 0; done < STEP; done++) self.admit(Workload.newEntry(Workload.newKey()))
    return 0
  },
}
