/** What a run leaves behind in this process: handles that keep it alive, fibers, memory. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const POLL = "20 millis"
const POLLS = 250

/** By kind, how many more there are than before. */
const more = (before: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = [...before]
  return process.getActiveResourcesInfo().filter((kind) => {
    const index = left.indexOf(kind)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

/** Runs the effect with a scope; then, what outlived it after a few seconds: `TCPSocketWrap`, `Timeout`, `fiber` … */
export const leftBy = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  // They are opened by whoever looks at them first.
  void [process.stdout, process.stderr]
  // Woken by the same timer as afterwards, which counts too.
  yield* Effect.sleep(POLL)
  const before = process.getActiveResourcesInfo()
  let fibers = 0
  const count: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void fibers++,
    recordFiberEnd: () => void fibers--,
  }
  const value = yield* Effect.scoped(effect).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, count))
  const left = () => [...more(before), ...Array.from({ length: fibers }, () => "fiber")]
  yield* Effect.repeat(Effect.sleep(POLL), { times: POLLS, while: () => left().length > 0 })
  return { value, left: left() }
})

const BYTES_PER_MIB = 1024 * 1024

/** MiB that are alive. */
export const heap = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect === "function") collect()
  return Math.round((10 * process.memoryUsage().heapUsed) / BYTES_PER_MIB) / 10
}
