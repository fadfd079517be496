/**
 * How the collector stops the main thread when new keys come at a steady rate to a full cache: in a process of
 * its own with V8's defaults. Arguments: contestant, entries. Prints JSON.
 *
 * Each key is new, as when it comes from a socket, and all share one value, whose making is not the subject;
 * ours keeps a record with it. Who cannot keep up takes in less.
 */
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import * as Contestants from "./CoreContestants.ts"
import * as Memory from "./Memory.ts"
import * as Workload from "./Workload.ts"

const PER_SECOND = 50_000
const SECONDS = 8
/** How many are admitted in one turn of the event loop at most. */
const STEP = 5_000
/** Before it is measured, so that what filled the cache has been collected and the code compiled. */
const WARM_UP_SECONDS = 2
const MILLIS_PER_SECOND = 1_000
const BYTES_PER_MEGABYTE = 1e6

const [name = "", count = ""] = process.argv.slice(2)
const size = Number(count)

const admitTo = (): ((key: string) => unknown) => {
  if (name === "ours") {
    const self = Contestants.ours(size)
    return (key) => self.admit(key, Workload.newEntry(key))
  }
  const value = Workload.valueOf(0)
  const self = Contestants.makeOther<Uint8Array>(name, size)
  if (self === undefined) throw new Error(`no such contestant: received ${name}`)
  return (key) => self.admit(key, value)
}

const admit = admitTo()
/** Admits at the rate, as much as is due at each turn of the event loop, and at most for so long; how many. */
const run = async (seconds: number): Promise<number> => {
  const start = performance.now()
  let done = 0
  for (let passed = 0; passed < seconds * MILLIS_PER_SECOND; await sleep(1)) {
    passed = performance.now() - start
    const due = Math.min(done + STEP, Math.floor((passed * PER_SECOND) / MILLIS_PER_SECOND))
    for (; done < due; done++) admit(Workload.newKey())
  }
  return done
}

for (let done = 0; done < size; done++) admit(Workload.newKey())
await run(WARM_UP_SECONDS)
const pausesSoFar = Memory.watchPauses()
const before = performance.eventLoopUtilization()
const start = performance.now()
const admitted = await run(SECONDS)
const millis = performance.now() - start
const { utilization } = performance.eventLoopUtilization(before)
const pauses = await pausesSoFar()
console.log(
  JSON.stringify({
    entries: size,
    perSecond: Math.round((admitted * MILLIS_PER_SECOND) / millis),
    ...Memory.sumByKind(pauses),
    busyPercent: 100 * utilization,
    rssMegabytes: process.memoryUsage().rss / BYTES_PER_MEGABYTE,
  }),
)
