/**
 * What a cache of one contestant costs in memory beyond its keys and values, in bytes per entry: in a process
 * of its own, so that what is alive is its. Arguments: contestant, entries. Prints JSON.
 *
 * What keys and values take by themselves is measured first and taken off: values are text here, for all. The
 * record that ours keeps with a value (its deadlines) is a cost of ours; the peers hold the bare value.
 */
import { textOf } from "../../src/cache/Content.ts"
import * as Contestants from "./CoreContestants.ts"
import * as Figures from "./Figures.ts"
import * as Memory from "./Memory.ts"
import * as Workload from "./Workload.ts"

const [name = "", count = ""] = process.argv.slice(2)
const size = Number(count)

/** Operations between two looks at the clock. */
const STEP = 500
/** Some take long to evict from a large map: as many as this allows must do. */
const CHURN_CPU_NANOS = 20e9

/** Bytes per entry that a job leaves alive. */
const grown = async (job: () => unknown): Promise<number> => {
  const before = Memory.alive()
  await job()
  return (Memory.alive() - before) / size
}

const bare = async (): Promise<number> => {
  const keys = Array.from({ length: size }, () => "")
  const values = Array.from({ length: size }, () => "")
  const bytes = await grown(() => {
    for (let index = 0; index < size; index++) {
      keys[index] = Workload.keyOf(index)
      values[index] = textOf(Workload.valueOf(index))
    }
  })
  // They must have lived until here.
  if (keys.length !== values.length) throw new Error("lost keys")
  return bytes
}

/** Admits the entry of a number, with a key and a value of its own. */
const admitTo = (): ((index: number) => unknown) => {
  if (name === "ours") {
    const self = Contestants.ours(size)
    return (index) => {
      const key = Workload.keyOf(index)
      return self.admit(key, Workload.entryAt(key, Workload.valueOf(index)))
    }
  }
  const self = Contestants.makeOther<string>(name, size)
  if (self === undefined) throw new Error(`no such contestant: received ${name}`)
  return (index) => self.admit(Workload.keyOf(index), textOf(Workload.valueOf(index)))
}

const keysAndValues = await bare()
let admit: (index: number) => unknown = () => undefined
const admitFrom = async (from: number, cpuNanos = Infinity) => {
  const cpu = process.cpuUsage()
  for (let done = 0; done < size; done++) {
    if (done % STEP === 0 && Figures.cpuNanosSince(cpu) > cpuNanos) return
    await admit(from + done)
  }
}
const filled = await grown(() => {
  admit = admitTo()
  return admitFrom(0)
})
/** What has come when as many others have passed through, and a policy remembers some of those that left. */
const remembered = await grown(() => admitFrom(size, CHURN_CPU_NANOS))
// It must have lived until here.
await admit(0)
console.log(
  JSON.stringify({
    entries: size,
    keysAndValues: Math.round(keysAndValues),
    filled: Math.round(filled - keysAndValues),
    churned: Math.round(filled - keysAndValues + remembered),
  }),
)
