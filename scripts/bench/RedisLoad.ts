/** Readers of `redis.ts`: fibers that ask for keys whose popularity follows Zipf's law. */
import * as Effect from "effect/Effect"
import { Cache } from "../../src/cache/Cache.ts"

export const FIBERS = 64
export const KEYS = 10_000
export const VALUE_BYTES = 100
export const ZIPF = 0.99

export const keys: ReadonlyArray<string> = Array.from({ length: KEYS }, (_, index) => `bench:${index}`)

const ORDER_LENGTH = 2 ** 20
const SEED = 0x9e3779b9

/** Marsaglia's xorshift with 32 bits: the same numbers in every run. */
const randomOf = (seed: number) => {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** In which order keys are read: drawn once, so that drawing costs nothing while it is measured. */
const order = (() => {
  const random = randomOf(SEED)
  const sums = new Float64Array(KEYS)
  let sum = 0
  for (let rank = 0; rank < KEYS; rank++) sums[rank] = sum += 1 / (rank + 1) ** ZIPF
  return Uint16Array.from({ length: ORDER_LENGTH }, () => {
    const drawn = random() * sum
    let low = 0
    let high = KEYS - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  })
})()

/** Reads in one turn of the event loop: a server has other things to do too. */
const READS_PER_TURN = 16

/** All fibers read until `isOver`; how many reads it was. `perSecond`: at most so many, evenly. */
export const read = Effect.fnUntraced(function* (isOver: (reads: number) => boolean, perSecond = Infinity) {
  const { get } = yield* Cache
  const began = performance.now()
  let reads = 0
  const fiber = Effect.fnUntraced(function* (index: number) {
    let at = Math.floor((index * ORDER_LENGTH) / FIBERS)
    while (!isOver(reads)) {
      for (let turn = 0; turn < READS_PER_TURN; turn++) {
        yield* get(keys[order[at++ % ORDER_LENGTH] ?? 0] ?? "")
      }
      reads += READS_PER_TURN
      const early = (reads / perSecond) * 1_000 - (performance.now() - began)
      yield* early > 0 ? Effect.sleep(early) : Effect.yieldNow
    }
  })
  yield* Effect.forEach(Array.from({ length: FIBERS }).keys(), fiber, {
    concurrency: "unbounded",
    discard: true,
  })
  return { reads, seconds: (performance.now() - began) / 1_000 }
})
