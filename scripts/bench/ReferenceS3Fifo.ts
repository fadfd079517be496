/**
 * S3-FIFO as libCacheSim has it, over the ids and weights of a trace: a small queue of 10 %, a main queue of
 * 90 %, ghosts of 90 %; who was used more than once moves from small to main, main counts up to three uses, and
 * a ghost that is asked for enters main. What is heavier than the small queue's room enters only as a ghost.
 *
 * Source: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.
 */
import type { Trace } from "./Trace.ts"

const SMALL_PART = 0.1
const GHOST_PART = 0.9
const USES_TO_STAY = 2
const MAX_USES = 3

/** How many requests of the trace hit a cache with room for so much. */
export const s3Fifo = ({ requests, unique, weights }: Trace, capacity: number): number => {
  const small = queueOf(unique, weights, Math.max(1, Math.floor(capacity * SMALL_PART)))
  const main = queueOf(unique, weights, capacity - small.capacity)
  const ghosts = queueOf(unique, weights, Math.floor(capacity * GHOST_PART))
  const uses = new Uint8Array(unique)

  /** One step: the oldest leaves or stays, and who is next is decided anew. */
  const step = (from: Queue) => {
    const id = from.shift() ?? 0
    const used = uses[id] ?? 0
    const stays = from === small ? used >= USES_TO_STAY : used > 0
    if (stays) {
      uses[id] = from === small ? 0 : used - 1
      main.push(id)
    } else if (from === small) remember(id)
  }
  const remember = (id: number) => {
    if ((weights[id] ?? 0) > ghosts.capacity) return
    while (ghosts.held() + (weights[id] ?? 0) > ghosts.capacity) ghosts.shift()
    ghosts.push(id)
  }
  let hits = 0
  for (const id of requests) {
    if (small.has(id) || main.has(id)) {
      hits++
      uses[id] = Math.min(MAX_USES, (uses[id] ?? 0) + 1)
      continue
    }
    const weight = weights[id] ?? 0
    const isBack = ghosts.remove(id)
    if (weight > (isBack ? capacity : small.capacity)) continue
    while (small.held() + main.held() + weight > capacity)
      step(main.held() > main.capacity || small.held() === 0 ? main : small)
    uses[id] = 0
    if (isBack) main.push(id)
    else small.push(id)
  }
  return hits
}

type Queue = ReturnType<typeof queueOf>

/** First in, first out, of ids that are in it once at most; any of them can be taken out. */
const queueOf = (unique: number, weights: Uint32Array, capacity: number) => {
  const ids: Array<number> = []
  let first = 0
  /** Where each id lies, counted from 1; 0: nowhere. A place that its id has left is passed over. */
  const places = new Uint32Array(unique)
  let held = 0
  const remove = (id: number): boolean => {
    if (places[id] === 0) return false
    places[id] = 0
    held -= weights[id] ?? 0
    return true
  }
  return {
    capacity,
    held: () => held,
    has: (id: number) => places[id] !== 0,
    remove,
    push: (id: number): void => {
      ids.push(id)
      places[id] = ids.length
      held += weights[id] ?? 0
    },
    shift: (): number | undefined => {
      while (first < ids.length) {
        const id = ids[first++] ?? 0
        if (places[id] !== first) continue
        remove(id)
        return id
      }
      return undefined
    },
  }
}
