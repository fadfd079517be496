/**
 * What holds of every state, however it came to be. Looks inside on purpose: the parts of the state say the
 * same things twice (a place in a bucket, a number in a queue), and they must agree.
 */
import * as CacheState from "../../src/core/CacheState.ts"
import type * as Eviction from "../../src/core/Eviction.ts"
import * as KeyHash from "../../src/core/KeyHash.ts"
import * as Queue from "../../src/core/Queue.ts"
import type * as Residents from "../../src/core/Residents.ts"
import { must, mustBe } from "./must.ts"
import * as places from "./places.ts"

const MOST_USES = 2
const GHOSTS_PER_RESIDENT = 2
const MOST_PLACES = 64
const CHUNK = 32

interface Leeway {
  /** Keys whose hashes collide are in use: the ghost of one may be where the other is resident. */
  readonly collisions?: boolean
}

/** Fails with the fact that does not hold. */
export const check = (state: CacheState.CacheState): void => {
  checkEviction(state.eviction, state.bounds)
  checkFills(state)
  checkCounts(state)
}

/** The same for a policy that stands alone. Every entry weighs at least 1. */
export const checkEviction = (
  { residents, target }: Eviction.Eviction,
  bounds: Eviction.Bounds,
  { collisions = false }: Leeway = {},
): void => {
  const buckets = places.byBucket(residents)
  const all = buckets.flat()
  checkWords(all, residents)
  checkTurns(all, residents)
  checkLine(all, residents, "small")
  checkLine(all, residents, "main")
  must(residents.small.count + residents.main.count <= bounds.maxEntries, "entries are within the bound")
  must(residents.small.bytes + residents.main.bytes <= bounds.maxBytes, "bytes are within the bound")
  const most = Math.min(bounds.maxEntries, bounds.maxBytes)
  const ghosts = Math.max(
    1,
    Math.round((GHOSTS_PER_RESIDENT * most) / 2 ** places.bitsOf(residents.frame.shape)),
  )
  for (const bucket of buckets) checkBucket(bucket, ghosts, collisions)
  const isPart =
    Number.isInteger(target) && target >= 1 && target <= Math.max(1, Math.round(0.9 * bounds.maxEntries))
  must(isPart || bounds.maxEntries < 1, "the small queue's part is a part")
}

/** Each word is of its entry's key, in the key's bucket, and no key is resident twice. */
const checkWords = (all: ReadonlyArray<places.Place>, { frame }: Residents.Residents): void => {
  const keys = new Set<string>()
  for (const { bucket, entry, fingerprint, uses } of all) {
    must(uses >= 0 && uses <= MOST_USES, "uses are counted from 0 to 2")
    if (entry === undefined) continue
    const hash = KeyHash.of(entry.key, frame.seed)
    mustBe(bucket, places.bucketOf(hash, frame.shape), `${entry.key} is in its bucket`)
    mustBe(fingerprint, places.fingerprintOf(hash), `the word of ${entry.key} is its own`)
    must(!keys.has(entry.key), `${entry.key} is resident once`)
    keys.add(entry.key)
  }
}

/** For each queue and fingerprint as many places as numbers. */
const checkTurns = (all: ReadonlyArray<places.Place>, residents: Residents.Residents): void => {
  const surplus = new Map<number, number>()
  const count = (where: "small" | "main", bucket: number, fingerprint: number, by: number): void => {
    const name = (bucket * 2 ** places.FINGERPRINT_BITS + fingerprint) * 2 + (where === "small" ? 0 : 1)
    surplus.set(name, (surplus.get(name) ?? 0) + by)
  }
  for (const { bucket, fingerprint, where } of all)
    if (where !== "ghost") count(where, bucket, fingerprint, 1)
  for (const where of ["small", "main"] as const) {
    checkQueue(residents[where].queue)
    for (const hash of Queue.values(residents[where].queue)) {
      count(where, places.bucketOf(hash, residents.frame.shape), places.fingerprintOf(hash), -1)
    }
  }
  for (const difference of surplus.values()) mustBe(difference, 0, "places and turns are as many")
}

const checkLine = (
  all: ReadonlyArray<places.Place>,
  residents: Residents.Residents,
  name: "small" | "main",
): void => {
  let [count, bytes] = [0, 0]
  for (const { entry, where } of all) {
    if (where !== name || entry === undefined) continue
    count++
    bytes += entry.weight
  }
  mustBe(residents[name].count, count, `residents of the ${name} queue`)
  mustBe(residents[name].bytes, bytes, `what the residents of the ${name} queue weigh`)
}

const checkBucket = (bucket: ReadonlyArray<places.Place>, mostGhosts: number, collisions: boolean): void => {
  const ghosts = bucket.filter(({ where }) => where === "ghost")
  must(bucket.length - ghosts.length <= MOST_PLACES, "a bucket has so many places at most")
  must(ghosts.length <= mostGhosts, "a bucket has its part of the ghosts at most")
  if (collisions) return
  const standing = bucket.filter(({ where }) => where !== "ghost").map(({ fingerprint }) => fingerprint)
  const remembered = ghosts.map(({ fingerprint }) => fingerprint)
  must(
    remembered.every((ghost) => !standing.includes(ghost)),
    "no ghost is resident",
  )
  mustBe(new Set(remembered).size, remembered.length, "nobody is a ghost twice")
}

/** The chunks hold what the size says, and none is longer than a chunk. */
export const checkQueue = <A>({ at, front, middle, rear, size }: Queue.Queue<A>): void => {
  must(at <= front.length && front.length <= CHUNK && rear.length < CHUNK, "no chunk is too long")
  mustBe(size, front.length - at + CHUNK * (middle?.size ?? 0) + rear.length, "the size of a queue")
  if (middle !== undefined) checkQueue(middle)
}

/** Places of a queue that nobody has. */
export const leftIn = ({ count, queue }: Residents.Line): number => queue.size - count

const checkFills = (state: CacheState.CacheState): void => {
  const { fills } = state
  const ids = new Set<number>()
  for (const [hash, tokens] of fills.standing)
    for (const token of tokens) {
      mustBe(token.hash, hash, "a token stands under its own hash")
      mustBe(hash, CacheState.hashOf(state, token.key), "which is that of its key")
      must(token.id < fills.nextId, "a token's number was given out")
      ids.add(token.id)
    }
  mustBe(ids.size, fills.size, "no two tokens share a number")
}

/** Nothing leaves uncounted: what entered and did not leave is there. */
const checkCounts = ({ counts, eviction }: CacheState.CacheState): void => {
  const left = counts.evicted + counts.expired + counts.invalidated + counts.replaced
  const { main, small } = eviction.residents
  mustBe(small.count + main.count, counts.fills - left, "entered - left = held")
}
