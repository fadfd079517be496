/** L1 when everything is quiet: whatever it would serve as fresh is what Redis holds. */
import * as Effect from "effect/Effect"
import { Cache } from "../../src/cache/Cache.ts"
import { textOf } from "../../src/cache/Content.ts"
import { L1 } from "../../src/cache/L1.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type { RedisServer } from "../RedisServer.ts"

export interface Rest {
  readonly entries: number
  /** Of them, those that would be served without asking. */
  readonly trusted: number
  /** Of those, the ones that differ from Redis. */
  readonly stale: ReadonlyArray<{
    readonly key: string
    readonly held: string | null
    readonly redis: unknown
  }>
}

/** Without writers; after a fence. */
export const compare = Effect.fnUntraced(function* (server: Pick<RedisServer["Service"], "pipeline">) {
  const l1 = yield* L1
  const { snapshot } = yield* Cache
  const entries = [...(yield* snapshot).entries]
  const now = l1.now()
  const trusted = entries.filter((entry) => CacheState.isTrusted(l1.current(), entry, now))
  const values = yield* server.pipeline(trusted.map(({ key }) => ["GET", key]))
  const after = l1.now()
  const stale = trusted.flatMap((entry, index) => {
    const redis = values[index]
    const held = entry._tag === "Present" ? textOf(entry.bytes) : null
    // Redis may have forgotten it between the two looks.
    const ended = entry._tag === "Present" && entry.storeExpiresAt <= after
    return held === redis || ended ? [] : [{ key: entry.key, held, redis }]
  })
  return { entries: entries.length, trusted: trusted.length, stale } satisfies Rest
})
