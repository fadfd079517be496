/**
 * The buckets of those who ask, and what is told about them: `RateLimit-Policy` and `RateLimit` as in
 * draft-ietf-httpapi-ratelimit-headers.
 *
 * Who asks is a token's name or a client's address. Two generations bound them: who asks moves to the young one, and
 * when that is full the old one is forgotten as a whole. Who is forgotten begins with a full bucket, so an attacker
 * with very many addresses gains what those addresses give anyway.
 */
import * as TokenBucket from "../core/TokenBucket.ts"

/** In a generation. */
const MAX_BUCKETS = 20_000

const MILLIS_PER_SECOND = 1_000

const seconds = (millis: number): number => Math.ceil(millis / MILLIS_PER_SECOND)

export interface Limited {
  readonly allowed: boolean
  readonly rateLimit: string
  /** Seconds, for `Retry-After`. */
  readonly retryAfter: string
}

export interface RateLimit {
  readonly policy: string
  /** `nowMillis`: monotonic. */
  readonly take: (who: string, nowMillis: number) => Limited
  /** How many are remembered. */
  readonly size: () => number
}

export const make = (policy: TokenBucket.Policy, maxBuckets = MAX_BUCKETS): RateLimit => {
  let young = new Map<string, TokenBucket.FullAt>()
  let old = young
  return {
    policy: `"default";q=${policy.count};w=${seconds(policy.windowMillis)}`,
    size: () => young.size + (old === young ? 0 : old.size),
    take: (who, nowMillis) => {
      const bucket = young.get(who) ?? old.get(who) ?? TokenBucket.full
      const [taken, next] = TokenBucket.take(bucket, policy, nowMillis)
      if (young.size >= maxBuckets && !young.has(who)) {
        old = young
        young = new Map()
      }
      young.set(who, next)
      return {
        allowed: taken.allowed,
        rateLimit: `"default";r=${taken.remaining};t=${seconds(taken.resetMillis)}`,
        retryAfter: String(Math.max(1, seconds(taken.retryMillis))),
      }
    },
  }
}

/** An address as one client: of IPv6, the network that one customer gets (64 bits). */
export const clientOf = (address: string | undefined): string => {
  if (address === undefined) return "unknown"
  if (!address.includes(":")) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = "", tail] = address.split("::", 2)
  const front = head === "" ? [] : head.split(":")
  const back = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  return [...front, ...Array.from({ length: zeros }, () => "0"), ...back].slice(0, 4).join(":")
}
