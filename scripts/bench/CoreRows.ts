/** What is timed: one operation per row, of one contestant, the `at`th of many. */
import type { Entry } from "../../src/core/Entry.ts"
import type { Contestant } from "./Contestant.ts"
import * as Workload from "./Workload.ts"

type Operation = (self: Contestant<Entry>, work: Workload.Workload, at: number) => unknown

export interface Row {
  readonly operation: Operation
  /** How often everybody does it before it is timed. */
  readonly prepared?: (work: Workload.Workload) => number
  /** By how much ours may take longer than lru-cache, what the loop costs taken off. */
  readonly limit?: number
}

const madeBefore =
  (of: (work: Workload.Workload) => Workload.Order): Operation =>
  (self, work, at) => {
    const { keys } = of(work)
    return self.get(keys[at % keys.length] ?? "")
  }

const built =
  (of: (work: Workload.Workload) => Workload.Order): Operation =>
  (self, work, at) => {
    const { keys, text } = of(work)
    const start = (at % keys.length) * Workload.KEY_LENGTH
    return self.get(text.toString("latin1", start, start + Workload.KEY_LENGTH))
  }

const zipf = (work: Workload.Workload) => work.zipf
const uniform = (work: Workload.Workload) => work.uniform

const put: Operation = (self, { uniform: { keys } }, at) => {
  const key = keys[at % keys.length] ?? ""
  return self.replace(key, Workload.newEntry(key))
}

const mixed: Operation = (self, { mixed: entries }, at) => {
  const entry = entries[at % entries.length]
  return entry === undefined ? undefined : self.admit(entry.key, entry)
}

const evict: Operation = (self) => {
  const key = Workload.newKey()
  return self.admit(key, Workload.newEntry(key))
}

/** A tenth of the room is what a policy keeps for new keys; who leaves is then what such a stream left behind. */
const NEW_PART = 0.2

const HIT_LIMIT = 2.2
const BUILT_LIMIT = 1.2
const MIXED_LIMIT = 3
const EVICT_LIMIT = 4

/** In the order in which they are timed. */
export const rows: Readonly<Record<string, Row>> = {
  "hit, Zipf": { operation: madeBefore(zipf), limit: HIT_LIMIT },
  "hit, uniform": { operation: madeBefore(uniform), limit: HIT_LIMIT },
  "hit, Zipf, key built": { operation: built(zipf), limit: BUILT_LIMIT },
  "hit, uniform, key built": { operation: built(uniform), limit: BUILT_LIMIT },
  put: { operation: put },
  "get or put, Zipf over 2N": {
    operation: mixed,
    prepared: (work) => work.mixed.length,
    limit: MIXED_LIMIT,
  },
  "new key, one leaves": {
    operation: evict,
    prepared: (work) => work.size * NEW_PART,
    limit: EVICT_LIMIT,
  },
}
