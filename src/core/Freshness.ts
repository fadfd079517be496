/**
 * What a reader accepts, in the words of RFC 9111 section 5.2.1 and RFC 5861 section 4: how old a copy may be,
 * how fresh, how stale, and whether the store may or must be asked.
 *
 * Every limit that is given holds: `max-stale` lifts the demand that a copy be fresh, not a `max-age` given
 * beside it. When the store fails, the limits go on holding, unless `staleIfErrorMillis` takes their place;
 * without any limit a copy within its grace will do.
 *
 * A suspect copy (nobody would have told of a write to its key) was fresh until it was confirmed and has been
 * stale ever since: so it is never served as fresh, and `max-stale` counts from the last moment at which it
 * surely was right.
 */

export interface Freshness {
  /** Ask the store, whatever is held; the answer may be kept. */
  readonly noCache?: boolean
  /** Ask the store and leave what is held as it is: no fill, no use counted. */
  readonly noStore?: boolean
  /** Do not ask the store. */
  readonly onlyIfCached?: boolean
  /** Confirmed by the store at most this long ago. */
  readonly maxAgeMillis?: number
  /** Fresh for at least this much longer. */
  readonly minFreshMillis?: number
  /** At most this long past freshness; `Infinity`: however long. */
  readonly maxStaleMillis?: number
  /** At most this long past freshness when the store fails; 0: no stale copy. */
  readonly staleIfErrorMillis?: number
}

/** What is held. Monotonic milliseconds. */
export interface Copy {
  readonly confirmedAt: number
  /** With what is known of writes taken into account: see `CacheState.freshUntil`. */
  readonly freshUntil: number
}

export type Decision =
  /** The copy will do, and is fresh. */
  | "fresh"
  /** The copy will do, though it is not fresh. */
  | "stale"
  | "ask"
  /** The copy will not do and the store must not be asked. */
  | "refuse"

/** Whatever is fresh, else the store. */
export const standard: Freshness = {}

/** Whether a reader is served from a copy (`undefined`: there is none that is not dead) or from the store. */
export const decide = (self: Freshness, copy: Copy | undefined, now: number): Decision => {
  if (copy !== undefined && self.noCache !== true && self.noStore !== true && isAccepted(self, copy, now)) {
    return now < copy.freshUntil ? "fresh" : "stale"
  }
  return self.onlyIfCached === true ? "refuse" : "ask"
}

/** Whether a reader is served from a copy when the store was asked and failed. */
export const acceptsOnError = (self: Freshness, copy: Copy, now: number): boolean => {
  if (self.noCache === true || self.noStore === true) return false
  if (self.staleIfErrorMillis !== undefined) return isWithin(copy, self.staleIfErrorMillis, now)
  return hasLimit(self) ? isAccepted(self, copy, now) : true
}

/** Whether an answer of the store that was asked for at `askedAt` is new enough for who came at `now`. */
export const acceptsAnswer = (self: Freshness, askedAt: number, now: number): boolean =>
  now - askedAt <= (self.maxAgeMillis ?? Infinity)

const hasLimit = (self: Freshness): boolean =>
  self.maxAgeMillis !== undefined || self.minFreshMillis !== undefined || self.maxStaleMillis !== undefined

const isAccepted = (self: Freshness, copy: Copy, now: number): boolean =>
  now - copy.confirmedAt <= (self.maxAgeMillis ?? Infinity) &&
  copy.freshUntil - now >= (self.minFreshMillis ?? -Infinity) &&
  isWithin(copy, self.maxStaleMillis ?? 0, now)

/** Fresh, or stale for at most so long; 0: fresh. */
const isWithin = (copy: Copy, staleMillis: number, now: number): boolean =>
  now < copy.freshUntil || (staleMillis > 0 && now - copy.freshUntil <= staleMillis)
