/**
 * L1 at one instant. The state is immutable, so taking a snapshot copies nothing, and the world going on
 * does not change what was taken. As long as it is held, what leaves L1 meanwhile stays in memory.
 */
import * as Bucket from "./Bucket.ts"
import * as BucketTree from "./BucketTree.ts"
import * as CacheState from "./CacheState.ts"
import type { Entry } from "./Entry.ts"
import * as Residents from "./Residents.ts"

export interface Snapshot {
  /** When it was taken. Monotonic milliseconds. */
  readonly takenAt: number
  readonly epoch: number
  /** Entries that were held, those included that were dead but not yet swept. */
  readonly size: number
  /** What they weighed. */
  readonly bytes: number
  /** Entries that were not dead when it was taken, in no particular order. Can be walked any number of times. */
  readonly entries: Iterable<Entry>
  /** What it was taken of. */
  readonly state: CacheState.CacheState
}

export const take = (state: CacheState.CacheState, now: number): Snapshot => ({
  takenAt: now,
  epoch: state.epoch,
  size: CacheState.size(state),
  bytes: CacheState.bytes(state),
  entries: {
    *[Symbol.iterator]() {
      for (const [, entry] of Residents.entries(state.eviction.residents)) if (now < entry.deadAt) yield entry
    },
  },
  state,
})

/** Where a page begins: the number of a bucket, and how many of its entries came before. */
export interface Place {
  readonly bucket: number
  readonly entry: number
}

/** Where the first page begins. */
export const start: Place = { bucket: 0, entry: 0 }

/** A part of a snapshot, in an order of its own that stays the same as long as the snapshot is held. */
export interface Page<A extends Entry> {
  readonly entries: ReadonlyArray<A>
  /** Where the next page begins; `undefined`: this was the last. */
  readonly next: Place | undefined
}

/**
 * At most `limit` of the entries that are not dead and that `wanted` chooses, from a place on that an earlier
 * page named. It looks at no more than `maxSeen` entries and buckets, at least 1, and may so be short, or
 * empty, before the last.
 */
export const page = <A extends Entry>(
  self: Snapshot,
  from: Place,
  limit: number,
  maxSeen: number,
  wanted: (entry: Entry) => entry is A,
): Page<A> => {
  const found: Array<A> = []
  let seen = 0
  for (const [bucket, content] of bucketsFrom(self, from.bucket)) {
    if (seen >= maxSeen) return { entries: found, next: { bucket, entry: 0 } }
    const listed = bucket === from.bucket ? from.entry : 0
    let index = -1
    for (const entry of Bucket.entries(content)) {
      index++
      if (index < listed) continue
      if (found.length >= limit || seen >= maxSeen) return { entries: found, next: { bucket, entry: index } }
      seen++
      if (self.takenAt < entry.deadAt && wanted(entry)) found.push(entry)
    }
    // Those without entries cost a look, too.
    seen++
  }
  return { entries: found, next: undefined }
}

const bucketsFrom = ({ state }: Snapshot, from: number) =>
  BucketTree.walk(state.eviction.residents.root, state.eviction.residents.frame.shape, from)

/**
 * What is held otherwise in the second of two snapshots, in no particular order, the dead included: added,
 * removed, or another entry under the same key (confirmed anew, even with the same value). Uses are no
 * differences.
 *
 * Of one L1 it costs time in proportion to what happened between the two, uses included, not to what they
 * hold: what both versions share is passed over without a look. Two L1s share nothing, and all is compared.
 */
export const differences = (before: Snapshot, after: Snapshot): Iterable<Residents.Difference> =>
  Residents.differences(before.state.eviction.residents, after.state.eviction.residents)
