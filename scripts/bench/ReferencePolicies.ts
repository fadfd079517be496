/**
 * Policies to hold ours against, over the ids and weights of a trace, mutable and fast: how many requests of a
 * trace hit a cache with room for so much. An object that weighs more than the room is never taken in.
 */
import type { Trace } from "./Trace.ts"

type Policy = (trace: Trace, capacity: number) => number

/** No id, or no place. */
const NONE = 0xffff_ffff

/** The least recently used one leaves. */
export const lru: Policy = ({ requests, unique, weights }, capacity) => {
  // A ring of residents through `unique`, which stands for its beginning and its end.
  const older = new Uint32Array(unique + 1).fill(NONE)
  const newer = new Uint32Array(unique + 1).fill(NONE)
  older[unique] = newer[unique] = unique
  const unlink = (id: number) => {
    const before = older[id] ?? NONE
    const after = newer[id] ?? NONE
    newer[before] = after
    older[after] = before
    older[id] = NONE
  }
  const append = (id: number) => {
    const newest = older[unique] ?? NONE
    newer[newest] = id
    older[id] = newest
    newer[id] = unique
    older[unique] = id
  }
  let hits = 0
  let held = 0
  for (const id of requests) {
    const weight = weights[id] ?? 0
    if (older[id] !== NONE) {
      hits++
      unlink(id)
    } else {
      if (weight > capacity) continue
      while (held + weight > capacity) {
        const oldest = newer[unique] ?? NONE
        held -= weights[oldest] ?? 0
        unlink(oldest)
      }
      held += weight
    }
    append(id)
  }
  return hits
}

/** Belady: who is asked for again the latest leaves. The best there can be, where all weigh the same. */
export const optimum: Policy = ({ requests, unique, weights }, capacity) => {
  const nextUse = nextUses(requests, unique)
  const resident = new Uint8Array(unique)
  /** Who is never asked for again. */
  const finished: Array<number> = []
  /** When residents are asked for again. What has passed lies below all that is to come, and is never reached. */
  const uses = heapOf(requests.length)
  let hits = 0
  let held = 0
  for (const [at, id] of requests.entries()) {
    const weight = weights[id] ?? 0
    const next = nextUse[at] ?? NONE
    if (resident[id] === 1) hits++
    else {
      if (weight > capacity || next === NONE) continue
      while (held + weight > capacity) {
        const last = finished.pop() ?? requests[uses.pop()] ?? NONE
        resident[last] = 0
        held -= weights[last] ?? 0
      }
      resident[id] = 1
      held += weight
    }
    if (next === NONE) finished.push(id)
    else uses.push(next)
  }
  return hits
}

/** For each request, when the same key is asked for the next time. */
const nextUses = (requests: Uint32Array, unique: number): Uint32Array => {
  const nexts = new Uint32Array(requests.length)
  const seen = new Uint32Array(unique).fill(NONE)
  for (let at = requests.length - 1; at >= 0; at--) {
    const id = requests[at] ?? NONE
    nexts[at] = seen[id] ?? NONE
    seen[id] = at
  }
  return nexts
}

/** A heap of numbers, the greatest on top. */
const heapOf = (room: number) => {
  const cells = new Uint32Array(room)
  let size = 0
  return {
    push: (value: number): void => {
      let at = size++
      while (at > 0) {
        const parent = (at - 1) >>> 1
        const above = cells[parent] ?? 0
        if (above >= value) break
        cells[at] = above
        at = parent
      }
      cells[at] = value
    },
    pop: (): number => {
      const top = cells[0] ?? NONE
      const value = cells[--size] ?? 0
      let at = 0
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && (cells[child + 1] ?? 0) > (cells[child] ?? 0)) child++
        const below = cells[child] ?? 0
        if (below <= value) break
        cells[at] = below
        at = child
      }
      cells[at] = value
      return top
    },
  }
}
