/** What is alive in this process, and the pauses in which the collector found out. */
import { constants, PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"

/** Bytes that V8 counts as alive. Needs `--expose-gc`. */
export const alive = (): number => {
  // What the first pass finalises the second one frees.
  for (let pass = 0; pass < 2; pass++) globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** A stop of the main thread by the collector; times as `performance.now()` tells them. */
export interface Pause {
  readonly kind: "scavenge" | "mark-compact" | "step"
  readonly start: number
  readonly millis: number
}

export interface Pauses {
  readonly count: number
  readonly totalMillis: number
  readonly maxMillis: number
}

const kindOf = (entry: object): Pause["kind"] => {
  const detail = "detail" in entry ? entry.detail : undefined
  const kind = typeof detail === "object" && detail !== null && "kind" in detail ? detail.kind : undefined
  if (kind === constants.NODE_PERFORMANCE_GC_MINOR) return "scavenge"
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR ? "mark-compact" : "step"
}

/** Notes every pause from now on; the returned function tells those so far. */
export const watchPauses = (): (() => Promise<ReadonlyArray<Pause>>) => {
  const pauses: Array<Pause> = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      pauses.push({ kind: kindOf(entry), start: entry.startTime, millis: entry.duration })
  })
  observer.observe({ entryTypes: ["gc"] })
  return async () => {
    // They are handed over when the event loop turns.
    for (let turn = 0; turn < 2; turn++) await setImmediate()
    return pauses
  }
}

export const sum = (pauses: ReadonlyArray<Pause>): Pauses => ({
  count: pauses.length,
  totalMillis: pauses.reduce((total, { millis }) => total + millis, 0),
  maxMillis: pauses.reduce((most, { millis }) => Math.max(most, millis), 0),
})

/** Those of each kind. A step is a part of marking that interrupts the program before the final pause. */
export const sumByKind = (pauses: ReadonlyArray<Pause>) => ({
  scavenges: sum(pauses.filter(({ kind }) => kind === "scavenge")),
  markCompacts: sum(pauses.filter(({ kind }) => kind === "mark-compact")),
  steps: sum(pauses.filter(({ kind }) => kind === "step")),
})

/** `12 (total 34.5, max 6.7 ms)` */
export const show = ({ count, maxMillis, totalMillis }: Pauses): string =>
  count === 0 ? "none" : `${count} (total ${totalMillis.toFixed(1)}, max ${maxMillis.toFixed(1)} ms)`
