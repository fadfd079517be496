/** What is under test: the whole library, put together as the program does, and a guard less if so wished. */
import * as Layer from "effect/Layer"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Sweep from "../../src/background/Sweep.ts"
import * as Cache from "../../src/cache/Cache.ts"
import * as Changes from "../../src/cache/Changes.ts"
import * as L1 from "../../src/cache/L1.ts"
import * as RedisFollowed from "../../src/store/RedisFollowed.ts"
import * as Deaf from "./Deaf.ts"
import * as Delayed from "./Delayed.ts"
import type { Heard } from "./Heard.ts"
import * as Keys from "./Keys.ts"
import type { Seeded } from "./Seeded.ts"
import * as Unguarded from "./Unguarded.ts"

/** What is taken away, so that the checker must see what happens then. */
export type Guard =
  /** Fills are not withdrawn. */
  | "tokens"
  /** L1 does not hear that it may have missed something. */
  | "losses"

export interface Options {
  readonly url: string
  readonly random: Seeded
  readonly heard: Heard
  readonly without: Guard | undefined
}

export const TIMEOUT_MILLIS = 400
/** Fewer than there are keys: some leave for want of room. */
const BOUNDS = { maxEntries: Keys.COUNT - 10, maxBytes: 100_000_000 }
const LIFETIME = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0.1 }
const UNTRACKED_TTL_MILLIS = 1_000
const BACKUP_EVERY = "700 millis"
/** Without a guard the backup would repair what the checker is to see at rest. */
const BACKUP_NEVER = "1 hour"

export const layer = ({ heard, random, url, without }: Options) => {
  const followed = RedisFollowed.layer({ url, keyPrefix: "", timeoutMillis: TIMEOUT_MILLIS })
  return Layer.mergeAll(
    Backup.layer({ every: without === undefined ? BACKUP_EVERY : BACKUP_NEVER, lifetime: LIFETIME }),
    Follow.layer({ untrackedTtlMillis: UNTRACKED_TTL_MILLIS }),
    Sweep.layer,
  ).pipe(
    Layer.provideMerge(Cache.layerOver(LIFETIME)),
    Layer.provideMerge(Changes.layer({ maxSubscribers: 1 })),
    Layer.provideMerge(without === "tokens" ? Unguarded.layer(BOUNDS) : L1.layer(BOUNDS)),
    Layer.provideMerge(Delayed.layer(random, followed)),
    Layer.provideMerge(heard.over(without === "losses" ? Deaf.over(followed) : followed)),
  )
}
