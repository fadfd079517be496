/** L1 when everything is quiet: whatever it would serve as fresh is what Redis holds, for as long. */
import * as Effect from "effect/Effect"
import { Cache } from "../../src/cache/Cache.ts"
import { L1 } from "../../src/cache/L1.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import { type Held, type Node, truth } from "./Servers.ts"

export interface Rest {
  readonly entries: number
  /** Of them, those that would be served without asking. */
  readonly trusted: number
  /** Of those, the ones that differ from Redis. */
  readonly stale: ReadonlyArray<{
    readonly key: string
    readonly held: string | null
    readonly heldMillis: number
    readonly redis: Held | undefined
  }>
}

/** A question travels that long, at most, while the life of its answer goes on. */
const LIFE_TOLERANCE_MILLIS = 1_000

/** Without writers; after a fence. */
export const compare = Effect.fnUntraced(function* (masters: ReadonlyArray<Pick<Node, "pipeline">>) {
  const l1 = yield* L1
  const { snapshot } = yield* Cache
  const entries = [...(yield* snapshot).entries]
  const now = l1.now()
  const trusted = entries.filter((entry) => CacheState.isTrusted(l1.current(), entry, now))
  const held = yield* truth(
    masters,
    trusted.map(({ key }) => key),
  )
  const after = l1.now()
  const stale = trusted.flatMap((entry, index) => {
    const redis = held[index]
    const text = entry.value !== undefined ? String(entry.value) : undefined
    const heldMillis = entry.value !== undefined ? (entry.storeExpiresAt ?? Infinity) - now : Infinity
    // Redis may have forgotten it between the two looks.
    if (heldMillis <= after - now) return []
    const redisMillis = redis === undefined || redis.ttlMillis < 0 ? Infinity : redis.ttlMillis
    const isSame =
      text === redis?.text &&
      (heldMillis === redisMillis || Math.abs(heldMillis - redisMillis) <= LIFE_TOLERANCE_MILLIS)
    return isSame ? [] : [{ key: entry.key, held: text ?? null, heldMillis, redis }]
  })
  return { entries: entries.length, trusted: trusted.length, stale } satisfies Rest
})
