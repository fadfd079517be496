/**
 * The truth in Redis and the feed of its invalidations over the same connections: what the canary proves of
 * them it proves of those that read, and the tracker knows of another server before the first read from it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RedisLink from "./RedisLink.ts"
import type { RedisUrlInvalid } from "./RedisUrl.ts"
import { Store } from "./Store.ts"
import * as StoreRedis from "./StoreRedis.ts"
import { Tracker } from "./Tracker.ts"
import * as TrackerRedis from "./TrackerRedis.ts"

export const layer = (options: TrackerRedis.Options): Layer.Layer<Store | Tracker, RedisUrlInvalid> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const link = yield* RedisLink.make(options)
      const tracker = yield* TrackerRedis.make(options, link)
      return Context.make(Store, StoreRedis.make(link.client, options.keyPrefix)).pipe(
        Context.add(Tracker, tracker),
      )
    }),
  )
