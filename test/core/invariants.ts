/**
 * What holds of every state, however it came to be. Looks inside on purpose: the parts of the state say the
 * same things twice (a resident knows its place, the place knows its resident), and they must agree.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type * as CacheState from "../../src/core/CacheState.ts"
import type * as Eviction from "../../src/core/Eviction.ts"
import type * as Queue from "../../src/core/Queue.ts"
import { must, mustBe } from "./must.ts"

const TICK_MILLIS = 1_000
const MOST_USES = 3
const GHOSTS_PER_ENTRY = 0.9

/** Fails with the fact that does not hold. */
export const check = (state: CacheState.CacheState): void => {
  checkEviction(state.eviction, state.bounds)
  checkDeadlines(state)
  checkFills(state)
  checkCounts(state)
}

/** The same for a policy that stands alone. */
export const checkEviction = (eviction: Eviction.Eviction, bounds: Eviction.Bounds): void => {
  checkLine(eviction, "small")
  checkLine(eviction, "main")
  const residents = HashMap.size(eviction.residents)
  const queued = HashMap.size(eviction.small.queue.keys) + HashMap.size(eviction.main.queue.keys)
  mustBe(queued, residents, "the queues hold exactly the residents")
  must(residents <= bounds.maxEntries, "entries are within the bound")
  let weight = 0
  for (const [key, resident] of eviction.residents) {
    weight += resident.entry.weight
    mustBe(resident.entry.key, key, "a resident is under its own key")
    must(resident.uses >= 0 && resident.uses <= MOST_USES, "uses are counted from 0 to 3")
  }
  must(weight <= bounds.maxBytes, "bytes are within the bound")
  checkGhosts(eviction, bounds)
}

const checkLine = (eviction: Eviction.Eviction, name: "small" | "main"): void => {
  const line = eviction[name]
  checkQueue(line.queue)
  let weight = 0
  for (const [place, key] of line.queue.keys) {
    const resident = HashMap.getUnsafe(eviction.residents, key)
    mustBe(resident.queue, name, `${key} is in the queue that it names`)
    mustBe(resident.place, place, `${key} is at the place that it names`)
    weight += resident.entry.weight
  }
  mustBe(line.bytes, weight, `the bytes of the ${name} queue are the sum of its weights`)
}

/** Every place in use lies between head and tail. */
export const checkQueue = (queue: Queue.Queue): void => {
  for (const place of HashMap.keys(queue.keys)) {
    must(place >= queue.head, "no place before the head is in use")
    must(place < queue.tail, "no place from the tail on is in use")
  }
}

const checkGhosts = (eviction: Eviction.Eviction, bounds: Eviction.Bounds): void => {
  checkQueue(eviction.ghostOrder)
  const ghosts = HashMap.size(eviction.ghosts)
  mustBe(HashMap.size(eviction.ghostOrder.keys), ghosts, "every ghost has one place in the order")
  must(ghosts <= GHOSTS_PER_ENTRY * bounds.maxEntries, "ghosts are within their bound")
  for (const [key, place] of eviction.ghosts) {
    must(!HashMap.has(eviction.residents, key), `the ghost ${key} is not resident`)
    mustBe(HashMap.getUnsafe(eviction.ghostOrder.keys, place), key, `${key} is at its ghost place`)
  }
}

/** The index is compared with the residents, and has room for nothing else. */
const checkDeadlines = ({ deadlines, eviction }: CacheState.CacheState): void => {
  for (const [key, { entry }] of eviction.residents) {
    const bucket = HashMap.get(deadlines.buckets, Math.floor(entry.deadAt / TICK_MILLIS))
    must(
      Option.isSome(bucket) && HashSet.has(bucket.value, key),
      `${key} is in the index under its own second`,
    )
  }
  let indexed = 0
  for (const [tick, bucket] of deadlines.buckets) {
    indexed += HashSet.size(bucket)
    must(HashSet.size(bucket) > 0, "no bucket is empty")
    must(tick >= deadlines.from, "no bucket lies before the first second in use")
  }
  mustBe(indexed, HashMap.size(eviction.residents), "the index holds exactly the residents")
}

const checkFills = ({ fills }: CacheState.CacheState): void => {
  const ids = new Set<number>()
  for (const [key, token] of fills.standing) {
    mustBe(token.key, key, "a token stands for its own key")
    must(token.id < fills.nextId, "a token's number was given out")
    ids.add(token.id)
  }
  mustBe(ids.size, HashMap.size(fills.standing), "no two tokens share a number")
}

/** Nothing leaves uncounted: what entered and did not leave is there. */
const checkCounts = ({ counts, eviction }: CacheState.CacheState): void => {
  const left = counts.evicted + counts.expired + counts.invalidated + counts.replaced
  mustBe(HashMap.size(eviction.residents), counts.fills - left, "entered - left = held")
}
