/**
 * What the core costs, next to other caches for Node and a plain `Map`: CPU nanoseconds per operation, bytes
 * per entry, pauses of the collector, and the longest transition; then whether that is as little as we want.
 *
 * `npm run -s bench:core -- [--sizes 1e4,1e5,1e6] [--only ours,lru-cache,map,loop] [--parts times,bytes,pauses,stalls]`
 */
import { parseArgs } from "node:util"
import * as Contestants from "./CoreContestants.ts"
import * as CoreProcesses from "./CoreProcesses.ts"
import * as CoreReport from "./CoreReport.ts"
import * as Figures from "./Figures.ts"

const { values: flags } = parseArgs({
  options: {
    sizes: { type: "string", default: "1e4,1e5,1e6" },
    only: { type: "string", default: Contestants.NAMES.join() },
    parts: { type: "string", default: "times,bytes,pauses,stalls" },
  },
})
const sizes = flags.sizes.split(",").map(Number)
const parts = new Set(flags.parts.split(","))
const names = Contestants.NAMES.filter((name) => flags.only.split(",").includes(name))

/** At this size and beyond, the slow ones take part only when `--only` is given. */
const LARGE = 1_000_000
const SLOW = new Set(["bentocache", "cache-manager", "effect Cache"])

const takesPart = (name: string, size: number): boolean =>
  size < LARGE || flags.only !== Contestants.NAMES.join() || !SLOW.has(name)

const nameAll = <A>(some: ReadonlyArray<string>, of: (name: string) => A): CoreProcesses.PerContestant<A> =>
  Object.fromEntries(some.map((name) => [name, of(name)]))

console.log(CoreReport.NOTES)
const machine = Figures.machine("bench:core")
if (machine.loadBefore > machine.cores / 2)
  console.log(
    `busy: load ${machine.loadBefore} on ${machine.cores} cores; what follows is worse than it would be\n`,
  )
const measured: Record<string, CoreReport.Measured> = {}
const targets: Record<string, ReadonlyArray<CoreReport.Target>> = {}
for (const size of sizes) {
  const some = names.filter((name) => takesPart(name, size))
  const holders = some.filter((name) => name !== "loop")
  const ofSize: CoreReport.Measured = {
    ...(parts.has("times") ? { times: CoreProcesses.times(some, size) } : {}),
    ...(parts.has("bytes") ? { bytes: nameAll(holders, (name) => CoreProcesses.occupancy(name, size)) } : {}),
  }
  measured[size] = ofSize
  targets[size] = CoreReport.targets(size, ofSize)
  console.log(CoreReport.show(size, ofSize))
}

const largest = Math.max(...sizes)
const loaded = names.filter((name) => name === "ours" || name === "lru-cache")
const pauses = parts.has("pauses")
  ? nameAll(loaded, (name) => CoreProcesses.pauses(name, largest))
  : undefined
if (pauses !== undefined) console.log(CoreReport.showPauses(largest, pauses))
const stalls = parts.has("stalls") && names.includes("ours") ? CoreProcesses.stalls(largest) : undefined
if (stalls !== undefined) console.log(CoreReport.showStalls(largest, stalls))

const PACKAGES = ["effect", "lru-cache", "layered-loader", "bentocache", "cacheable", "cache-manager"]
console.log(
  JSON.stringify({
    targets,
    measured,
    pauses,
    stalls,
    versions: nameAll(PACKAGES, Figures.versionOf),
    ...machine,
  }),
)
