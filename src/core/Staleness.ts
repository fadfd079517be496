/**
 * How long a write takes to be heard of here: the canary's round trips, as a histogram of fixed buckets.
 *
 * Buckets grow by a quarter, so a quantile is right to within an eighth, and the whole costs a few hundred
 * bytes however long it runs.
 */

export interface Staleness {
  readonly counts: ReadonlyArray<number>
  readonly count: number
  readonly sumMillis: number
  readonly maxMillis: number
}

const FIRST_MILLIS = 0.05
const GROWTH = 1.25

/** Upper ends of the buckets, in milliseconds; whatever is longer falls into the last. */
export const BOUNDS: ReadonlyArray<number> = Array.from(
  { length: 60 },
  (_, index) => FIRST_MILLIS * GROWTH ** index,
)

export const empty: Staleness = { counts: BOUNDS.map(() => 0), count: 0, sumMillis: 0, maxMillis: 0 }

export const record = (self: Staleness, millis: number): Staleness => {
  const found = BOUNDS.findIndex((bound) => millis <= bound)
  const bucket = found < 0 ? BOUNDS.length - 1 : found
  return {
    counts: self.counts.map((count, index) => (index === bucket ? count + 1 : count)),
    count: self.count + 1,
    sumMillis: self.sumMillis + millis,
    maxMillis: Math.max(self.maxMillis, millis),
  }
}

/** The round trip that this part (0 to 1) of all did not exceed, to within its bucket; 0 when there was none. */
export const quantile = (self: Staleness, part: number): number => {
  let left = Math.ceil(self.count * part)
  for (const [index, count] of self.counts.entries()) {
    left -= count
    if (left > 0 || count === 0) continue
    // The last bucket has no end of its own.
    return index === BOUNDS.length - 1 ? self.maxMillis : Math.min(BOUNDS[index] ?? Infinity, self.maxMillis)
  }
  return self.maxMillis
}
