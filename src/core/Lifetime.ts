/**
 * How long L1 may use what the store answered: TTL, jitter, grace, and never past the store's own expiry.
 *
 * Deadlines count from the moment the question was *sent*: the answer may have travelled for a while, and a
 * copy must not outlive its original. Jitter only ever shortens a TTL, so the configured TTL stays a bound.
 */

export interface Lifetime {
  /** How long a value is fresh. Milliseconds. */
  readonly ttlMillis: number
  /** How long past freshness a value may be served when the store does not answer. Milliseconds. */
  readonly graceMillis: number
  /** How long an absence is remembered. Milliseconds. */
  readonly negativeTtlMillis: number
  /** 0 to 1: the part of the TTL that is taken off at random, so that entries filled together do not end together. */
  readonly jitter: number
}

export interface Deadlines {
  readonly freshUntil: number
  readonly deadAt: number
  readonly storeExpiresAt: number
}

/**
 * The deadlines of a value asked for at `askedAt` (monotonic milliseconds).
 *
 * `storeTtlMillis` is what the store said remains of its own expiry (`Infinity`: it has none), `random` is
 * in [0, 1).
 */
export const ofValue = (
  self: Lifetime,
  askedAt: number,
  storeTtlMillis: number,
  random: number,
): Deadlines => {
  const storeExpiresAt = askedAt + storeTtlMillis
  const freshUntil = Math.min(askedAt + self.ttlMillis * (1 - self.jitter * random), storeExpiresAt)
  const deadAt = Math.min(freshUntil + self.graceMillis, storeExpiresAt)
  return { freshUntil, deadAt, storeExpiresAt }
}

/** An absence has no grace: once it is not fresh, only the store can tell. */
export const ofAbsence = (self: Lifetime, askedAt: number): Deadlines => {
  const freshUntil = askedAt + self.negativeTtlMillis
  return { freshUntil, deadAt: freshUntil, storeExpiresAt: Infinity }
}
