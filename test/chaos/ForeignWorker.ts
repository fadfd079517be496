/**
 * The foreign writers: a thread with connections of its own, which knows nothing of the cache. It says in
 * shared memory what has been acknowledged, at once, and tells the rest in batches.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import {
  type ForeignBatch,
  type ForeignOptions,
  type ForeignWrite,
  isVague,
  REFUSED,
  UNKNOWN,
} from "./ForeignLog.ts"
import * as ForeignRoute from "./ForeignRoute.ts"
import * as ForeignSteps from "./ForeignSteps.ts"
import * as Keys from "./Keys.ts"
import * as Seeded from "./Seeded.ts"
import { micros } from "./Time.ts"

const { acknowledged, isSharded, pauseMillis, routes, seed }: ForeignOptions = workerData

const MIXED_WRITERS = 4
/** Of those who write seldom, so that what L1 does not hear of is not overwritten before anybody reads it. */
const SELDOM_PAUSE_MILLIS = 10
const TELL_EVERY_MILLIS = 20
/** After a write that was refused or not answered. */
const FAILED_PAUSE_MILLIS = 10

let over = false
let log: Array<ForeignWrite> = []
/** When the write that a writer waits for was sent. */
const sent = new Map<string, number>()

const note = (changes: ReadonlyArray<ForeignSteps.Change>, start: number, end: number): void => {
  for (const change of changes) {
    log.push({ ...change, start, end })
    if (end === UNKNOWN || end === REFUSED || isVague(change)) continue
    for (const key of Keys.keysOf(change.key)) acknowledged[key] = Math.max(acknowledged[key] ?? 0, start)
  }
}

const tell = (done: boolean): void => {
  const watermark = Math.min(micros(), ...sent.values())
  const batch: ForeignBatch = { writes: log, watermark, done }
  log = []
  parentPort?.postMessage(batch)
}

const write = async (name: string, next: ForeignSteps.Next, pause = pauseMillis): Promise<void> => {
  const route = ForeignRoute.make(routes)
  while (!over) {
    const start = micros()
    const step = next(start)
    if (step.waitMillis !== undefined) await sleep(step.waitMillis)
    sent.set(name, start)
    const outcome = await route.send(step.group, step.commands)
    const since = step.since ?? start
    if (outcome._tag === "Done") note(step.changes(outcome.replies), since, micros())
    else note(step.changes(undefined), since, outcome._tag === "Refused" ? REFUSED : UNKNOWN)
    sent.delete(name)
    await sleep(outcome._tag === "Done" ? pause : FAILED_PAUSE_MILLIS)
  }
  route.close()
}

parentPort?.once("message", () => (over = true))
const timer = setInterval(() => tell(false), TELL_EVERY_MILLIS)
await Promise.all([
  ...Array.from({ length: MIXED_WRITERS }, (_, index) => {
    const name = `f${index}`
    return write(name, ForeignSteps.mixed(name, Seeded.make(seed, 100 + index), isSharded, index === 0))
  }),
  write("counters", ForeignSteps.counters()),
  write("f8", ForeignSteps.families("f8", Seeded.make(seed, 108)), SELDOM_PAUSE_MILLIS),
  write("f9", ForeignSteps.probes("f9"), SELDOM_PAUSE_MILLIS),
])
clearInterval(timer)
tell(true)
