/** Requests drawn from a seed: the same seed gives the same trace. */

/** Numbers in [0, 1). Source: mulberry32, Tommy Ettinger, public domain. */
export const makeRandom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How many of `keys` keys, by rank, are asked for how often: the i-th with a weight of 1 / i^skew. */
const zipfRank = (random: () => number, keys: number, skew: number): (() => number) => {
  const sums: Array<number> = []
  let sum = 0
  for (let rank = 1; rank <= keys; rank++) sums.push((sum += rank ** -skew))
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? Infinity) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

const draw = (length: number, next: (index: number) => number): ReadonlyArray<string> =>
  Array.from({ length }, (_, index) => `k${next(index)}`)

/** Few keys are asked for often, many rarely. */
export const zipf = (seed: number, length: number, keys: number, skew: number): ReadonlyArray<string> => {
  const rank = zipfRank(makeRandom(seed), keys, skew)
  return draw(length, rank)
}

/** A Zipf load through which, now and then, runs a scan of keys that never come back. */
export const scans = (seed: number, length: number, keys: number): ReadonlyArray<string> => {
  const rank = zipfRank(makeRandom(seed), keys, 0.9)
  return draw(length, (index) => (index % 1_000 < 300 ? keys + index : rank()))
}

/** Round and round: what LRU is worst at when the period exceeds the room. */
export const loop = (length: number, period: number): ReadonlyArray<string> =>
  draw(length, (index) => index % period)

/** A Zipf load whose favourites change every `phase` requests. */
export const shifting = (
  seed: number,
  length: number,
  keys: number,
  phase: number,
): ReadonlyArray<string> => {
  const rank = zipfRank(makeRandom(seed), keys, 1)
  return draw(length, (index) => (rank() + Math.floor(index / phase) * 37) % keys)
}
