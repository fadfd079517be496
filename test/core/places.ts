/**
 * What stands in the buckets of a state, decoded here and not by the core: what the core says of itself is held
 * against this.
 */
import type * as BucketTree from "../../src/core/BucketTree.ts"
import type { Entry } from "../../src/core/Entry.ts"
import * as Queue from "../../src/core/Queue.ts"
import type * as Residents from "../../src/core/Residents.ts"
import { must } from "./must.ts"

/** `small` and `main` are queues. */
export const WHERE = ["small", "main", "ghost"] as const

export interface Place {
  readonly bucket: number
  readonly fingerprint: number
  readonly where: (typeof WHERE)[number]
  readonly uses: number
  /** `undefined`: nobody has the place; or it is a ghost. */
  readonly entry: Entry | undefined
}

export const FINGERPRINT_BITS = 20

const HASH_BITS = 32
const TICK_MILLIS = 1_000

/** How many levels of nodes stand above the buckets. */
export const levels = ({ bottom, top }: BucketTree.Shape): number =>
  top < bottom ? 0 : (top - bottom) / 5 + 1

export const bitsOf = ({ bottom }: BucketTree.Shape): number => HASH_BITS - bottom

/** Which bucket a hash leads to. */
export const bucketOf = (hash: number, shape: BucketTree.Shape): number =>
  bitsOf(shape) === 0 ? 0 : hash >>> shape.bottom

/** What a bucket knows of a hash. */
export const fingerprintOf = (hash: number): number => hash & (2 ** FINGERPRINT_BITS - 1)

const placeOf = (bucket: number, word: number, entry: Entry | undefined): Place => ({
  bucket,
  fingerprint: word >>> (HASH_BITS - FINGERPRINT_BITS),
  where: WHERE[word & 3] ?? "ghost",
  uses: (word >> 2) & 1_023,
  entry,
})

/** In a bucket; ghosts come last. */
const inBucket = (bucket: ReadonlyArray<unknown>, index: number): ReadonlyArray<Place> => {
  const found: Array<Place> = []
  let at = 1
  for (; at < bucket.length && ((bucket[at] as number) & 3) !== 2; at += 2) {
    must(((bucket[at] as number) & 3) < 2, "a place is in a queue")
    found.push(placeOf(index, bucket[at] as number, bucket[at + 1] as Entry | undefined))
  }
  for (; at < bucket.length; at++) {
    must(((bucket[at] as number) & 3) === 2, "ghosts come last")
    found.push(placeOf(index, bucket[at] as number, undefined))
  }
  return found
}

/** The least second of death below a node; fails if the node says that it is later. */
const gather = (
  node: BucketTree.Node,
  depth: number,
  index: number,
  into: Array<ReadonlyArray<Place>>,
): number => {
  let least = Infinity
  if (depth === 0) {
    const places = inBucket(node, index)
    if (places.length > 0) into.push(places)
    for (const { entry } of places)
      if (entry !== undefined) least = Math.min(least, Math.floor(entry.deadAt / TICK_MILLIS))
  } else {
    const children = node.length - 1
    for (let child = 0; child < children; child++) {
      const below = node[child + 1] as BucketTree.Node
      least = Math.min(least, gather(below, depth - 1, index * children + child, into))
    }
  }
  must((node[0] as number) <= least, "no node or bucket says that nobody dies before somebody does")
  return least
}

/** All that is not empty, by bucket. Fails if a node or bucket overestimates when somebody below it dies. */
export const byBucket = ({ frame, root }: Residents.Residents): ReadonlyArray<ReadonlyArray<Place>> => {
  const buckets: Array<ReadonlyArray<Place>> = []
  gather(root, levels(frame.shape), 0, buckets)
  return buckets
}

export const places = (residents: Residents.Residents): ReadonlyArray<Place> => byBucket(residents).flat()

/** The keys of a queue in the order of their turns; `undefined` for a place that nobody has. */
export const keysOf = (
  residents: Residents.Residents,
  where: "small" | "main",
): ReadonlyArray<string | undefined> => {
  const { shape } = residents.frame
  const found = new Map<string, Array<string | undefined>>()
  for (const place of places(residents)) {
    if (place.where !== where) continue
    const name = `${place.bucket}/${place.fingerprint}`
    found.set(name, [...(found.get(name) ?? []), place.entry?.key])
  }
  return [...Queue.values(residents[where].queue)].map((hash) =>
    found.get(`${bucketOf(hash, shape)}/${fingerprintOf(hash)}`)?.shift(),
  )
}
