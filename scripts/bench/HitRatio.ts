/** How often one trace hits caches of one size: ours, through the real state, and those to hold it against. */
import * as Ours from "./Ours.ts"
import * as ReferencePolicies from "./ReferencePolicies.ts"
import { s3Fifo } from "./ReferenceS3Fifo.ts"
import * as Trace from "./Trace.ts"
import * as Workload from "./Workload.ts"

export interface Task {
  /** `NAME.u32.gz` */
  readonly file: string
  /** `1000`, or `1%` of the unique keys; of the bytes of all objects when they are weighed. */
  readonly capacity: string
  readonly weighed: boolean
}

export interface Hits {
  readonly ours: number
  readonly lru: number
  readonly s3fifo: number
  /** Belady. */
  readonly opt: number
}

export interface Cell {
  readonly trace: string
  readonly size: string
  readonly capacity: number
  readonly requests: number
  readonly hits: Hits
  /** Hits of ours that made another state. */
  readonly changed: number
}

/** With one entry every policy does the same. */
const LEAST = 2

/** Entries or bytes; `undefined` when the text says neither a number nor a percentage. */
const capacityOf = (text: string, whole: number): number | undefined => {
  const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  if (found === null) return undefined
  const amount = Number(found[1])
  return found[2] === "%" ? Math.max(LEAST, Math.round((whole * amount) / 100)) : amount
}

/** As `Cache.ts` does: a miss asks, and its answer enters. */
const replay = (trace: Trace.Trace, capacity: number, weighed: boolean) => {
  const bounds = weighed
    ? { maxEntries: trace.unique, maxBytes: capacity }
    : { maxEntries: capacity, maxBytes: Infinity }
  const self = Ours.make(bounds, Workload.NOW)
  const keys = Array.from({ length: trace.unique }, (_, id) => Workload.keyOf(id))
  let hits = 0
  let changed = 0
  for (const id of trace.requests) {
    const key = keys[id] ?? ""
    const before = self.state()
    if (self.get(key)) {
      hits++
      if (self.state() !== before) changed++
    } else self.fill({ ...Workload.newEntry(key), weight: trace.weights[id] ?? 0 })
  }
  return { hits, changed }
}

export const measure = ({ capacity: size, file, weighed }: Task): Cell => {
  const trace = Trace.read(file, weighed)
  const capacity = capacityOf(size, weighed ? trace.total : trace.unique)
  if (capacity === undefined) throw new Error(`capacity must be a number or a percentage: received ${size}`)
  const ours = replay(trace, capacity, weighed)
  return {
    trace: trace.name,
    size,
    capacity,
    requests: trace.requests.length,
    hits: {
      ours: ours.hits,
      lru: ReferencePolicies.lru(trace, capacity),
      s3fifo: s3Fifo(trace, capacity),
      opt: ReferencePolicies.optimum(trace, capacity),
    },
    changed: ours.changed,
  }
}
