/**
 * The policies that ours is held against, on random traces with and without weights, against the plainest way to
 * say each: arrays in order, searched from end to end.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ReferencePolicies from "../../scripts/bench/ReferencePolicies.ts"
import { s3Fifo } from "../../scripts/bench/ReferenceS3Fifo.ts"
import type { Trace } from "../../scripts/bench/Trace.ts"

type Plain = (trace: Trace, capacity: number) => number

const TRACES = 200
const REQUESTS = 300
const MAX_KEYS = 40

const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Some keys often, others seldom. */
const traceOf = (seed: number, heaviest: number): Trace => {
  const random = randomOf(seed)
  const unique = 2 + random(MAX_KEYS)
  const weights = Uint32Array.from({ length: unique }, () => 1 + random(heaviest))
  return {
    name: "random",
    requests: Uint32Array.from({ length: REQUESTS }, () => random(1 + random(unique))),
    unique,
    weights,
    total: weights.reduce((sum, weight) => sum + weight, 0),
  }
}

const weigh = ({ weights }: Trace, ids: ReadonlyArray<number>): number =>
  ids.reduce((sum, id) => sum + (weights[id] ?? 0), 0)

const lru: Plain = (trace, capacity) => {
  let held: Array<number> = []
  let hits = 0
  for (const id of trace.requests) {
    if (held.includes(id)) hits++
    else if (weigh(trace, [id]) > capacity) continue
    held = [...held.filter((other) => other !== id), id]
    while (weigh(trace, held) > capacity) held.shift()
  }
  return hits
}

const optimum: Plain = (trace, capacity) => {
  const held = new Set<number>()
  const nextOf = (id: number, at: number) => {
    const next = trace.requests.indexOf(id, at + 1)
    return next < 0 ? Infinity : next
  }
  let hits = 0
  for (const [at, id] of trace.requests.entries()) {
    if (held.has(id)) hits++
    else if (weigh(trace, [id]) > capacity || nextOf(id, at) === Infinity) continue
    while (!held.has(id) && weigh(trace, [...held, id]) > capacity) {
      const last = [...held].toSorted((a, b) => nextOf(b, at) - nextOf(a, at))[0]
      if (last !== undefined) held.delete(last)
    }
    held.add(id)
  }
  return hits
}

const plainS3Fifo: Plain = (trace, capacity) => {
  const smallRoom = Math.max(1, Math.floor(capacity / 10))
  const ghostRoom = Math.floor(capacity * 0.9)
  const small: Array<number> = []
  const main: Array<number> = []
  let ghosts: Array<number> = []
  const uses = new Map<number, number>()
  let hits = 0
  for (const id of trace.requests) {
    if (small.includes(id) || main.includes(id)) {
      hits++
      uses.set(id, Math.min(3, (uses.get(id) ?? 0) + 1))
      continue
    }
    const isBack = ghosts.includes(id)
    ghosts = ghosts.filter((ghost) => ghost !== id)
    if (weigh(trace, [id]) > (isBack ? capacity : smallRoom)) continue
    while (weigh(trace, [...small, ...main, id]) > capacity) {
      const fromMain = small.length === 0 || weigh(trace, main) > capacity - smallRoom
      const oldest = (fromMain ? main : small).shift()
      if (oldest === undefined) break
      const used = uses.get(oldest) ?? 0
      if (fromMain ? used > 0 : used > 1) {
        main.push(oldest)
        uses.set(oldest, fromMain ? used - 1 : 0)
      } else if (!fromMain && weigh(trace, [oldest]) <= ghostRoom) {
        ghosts.push(oldest)
        while (weigh(trace, ghosts) > ghostRoom) ghosts.shift()
      }
    }
    uses.set(id, 0)
    if (isBack) main.push(id)
    else small.push(id)
  }
  return hits
}

const policies: ReadonlyArray<readonly [name: string, fast: Plain, plain: Plain]> = [
  ["LRU", ReferencePolicies.lru, lru],
  ["Belady", ReferencePolicies.optimum, optimum],
  ["S3-FIFO", s3Fifo, plainS3Fifo],
]

describe("ReferencePolicies", () => {
  for (const [name, fast, plain] of policies) {
    for (const heaviest of [1, 9]) {
      it(`${name} has the hits of its definition, with weights up to ${heaviest}`, () => {
        let hits = 0
        for (let seed = 1; seed <= TRACES; seed++) {
          const trace = traceOf(seed, heaviest)
          for (const part of [0.1, 0.3, 0.7]) {
            const capacity = Math.max(2, Math.round(trace.total * part))
            const found = fast(trace, capacity)
            hits += found
            assert.strictEqual(found, plain(trace, capacity), `seed ${seed}, capacity ${capacity}`)
          }
        }
        assert.isAbove(hits, TRACES)
      })
    }
  }
})
