/**
 * How many requests somebody may send: a bucket that holds `count` tokens and gets them back evenly over
 * `windowMillis`. A request takes one; when there is none it is refused.
 *
 * A bucket is one number: when it will be full again (the generic cell rate algorithm, ITU-T I.371). Each token that
 * is out moves that by the time in which one comes back, so nothing has to be refilled, and a bucket whose time has
 * passed is like one that was never used and need not be kept.
 */
import * as Option from "effect/Option"
import * as DurationText from "./DurationText.ts"

export interface Policy {
  /** Tokens that a full bucket holds. */
  readonly count: number
  /** In which an empty bucket is full again. */
  readonly windowMillis: number
}

/** When the bucket will be full again, in the time of `now`. */
export type FullAt = number

/** One that was never used. */
export const full: FullAt = -Infinity

export interface Taken {
  readonly allowed: boolean
  /** Whole tokens that are left. */
  readonly remaining: number
  /** Until the bucket is full again. */
  readonly resetMillis: number
  /** Until a token is there; 0 when one was. */
  readonly retryMillis: number
}

/** Sums of fractions are off by less than this. */
const ROUNDING = 1e-6

/** Takes a token if there is one. */
export const take = (bucket: FullAt, policy: Policy, now: number): readonly [Taken, FullAt] => {
  const eachMillis = policy.windowMillis / policy.count
  const fullAt = Math.max(bucket, now)
  const missingMillis = fullAt + eachMillis - now - policy.windowMillis
  const allowed = missingMillis <= ROUNDING * eachMillis
  const next = allowed ? fullAt + eachMillis : fullAt
  const resetMillis = next - now
  const left = (policy.windowMillis - resetMillis) / eachMillis
  return [
    {
      allowed,
      remaining: Math.max(0, Math.floor(left + ROUNDING)),
      resetMillis,
      retryMillis: allowed ? 0 : missingMillis,
    },
    next,
  ]
}

/** For error messages. */
export const ACCEPTED = "a count and a duration such as 100/1s or 1000/1m"

const MAX_COUNT = 1_000_000_000
const MAX_WINDOW_MILLIS = 86_400_000

/** A policy as people write it: `100/1s`. */
export const parse = (text: string): Option.Option<Policy> => {
  const [, count = "", duration = ""] = /^\s*(\d{1,10})\s*\/\s*(.+)$/.exec(text) ?? []
  return Option.flatMap(DurationText.parse(duration), (windowMillis) =>
    Number(count) >= 1 && Number(count) <= MAX_COUNT && windowMillis >= 1 && windowMillis <= MAX_WINDOW_MILLIS
      ? Option.some({ count: Number(count), windowMillis })
      : Option.none(),
  )
}
