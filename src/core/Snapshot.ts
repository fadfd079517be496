/**
 * L1 at one instant. The state is immutable, so taking a snapshot copies nothing, and the world going on
 * does not change what was taken.
 */
import * as CacheState from "./CacheState.ts"
import type { Entry } from "./Entry.ts"

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
}

export const take = (state: CacheState.CacheState, now: number): Snapshot => ({
  takenAt: now,
  epoch: state.epoch,
  size: CacheState.size(state),
  bytes: CacheState.bytes(state),
  entries: {
    *[Symbol.iterator]() {
      for (const entry of CacheState.entries(state)) if (now < entry.deadAt) yield entry
    },
  },
})
