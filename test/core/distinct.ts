/** Keys that their hashes tell apart: then a policy that knows hashes does what one that knows names does. */
import * as KeyHash from "../../src/core/KeyHash.ts"

/** What a bucket and a word keep of a hash, when a hash leads to one of 2^bits buckets. */
const keptOf = (hash: number, bits: number): number =>
  (bits === 0 ? 0 : hash >>> (32 - bits)) * 2 ** 20 + (hash & 0xfffff)

/** The first seed with which a tree of 2^bits buckets can tell all of these keys apart. */
export const distinguishingSeed = (keys: ReadonlySet<string>, bits: number): number => {
  const isDistinguishing = (seed: number): boolean => {
    const kept = new Set<number>()
    for (const key of keys) kept.add(keptOf(KeyHash.of(key, seed), bits))
    return kept.size === keys.size
  }
  let seed = 0
  while (!isDistinguishing(seed)) seed++
  return seed
}

/** Groups of keys that cannot be told apart by what a tree of 2^bits buckets keeps of their hashes. */
export const colliding = (
  prefix: string,
  seed: number,
  bits: number,
  groups: number,
  perGroup: number,
): ReadonlyArray<ReadonlyArray<string>> => {
  const byHash = new Map<number, Array<string>>()
  const found: Array<ReadonlyArray<string>> = []
  for (let number = 0; found.length < groups; number++) {
    const key = `${prefix}${number}`
    const kept = keptOf(KeyHash.of(key, seed), bits)
    const alike = byHash.get(kept) ?? []
    alike.push(key)
    byHash.set(kept, alike)
    if (alike.length === perGroup) found.push(alike)
  }
  return found
}

/** Keys that all lead to one bucket of 2^bits, told apart there. */
export const crowding = (prefix: string, seed: number, bits: number, bucket: number, count: number) => {
  const found: Array<string> = []
  for (let number = 0; found.length < count; number++) {
    const key = `${prefix}${number}`
    if (KeyHash.of(key, seed) >>> (32 - bits) === bucket) found.push(key)
  }
  return found
}
