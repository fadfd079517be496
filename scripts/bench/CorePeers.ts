/**
 * Other caches for Node, each with the fastest set-up that it documents for values in this process: least
 * recently used leaves, no TTL, values as they are (neither cloned nor serialized).
 */
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { createCache } from "cache-manager"
import { CacheableMemory, createKeyv } from "cacheable"
import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ManualCache } from "layered-loader/core"
import { awaited, type Contestant, direct } from "./Contestant.ts"

/** Read with its synchronous short cut; what it writes is there when the call returns. */
const layeredLoader = <A extends {}>(capacity: number): Contestant<A> => {
  const cache = new ManualCache<A>({ inMemoryCache: { maxItems: capacity, ttlInMsecs: 0 } })
  return direct(
    (key) => cache.getInMemoryOnly(key) !== undefined,
    (key, value: A) => void cache.set(key, value),
  )
}

const bentocache = <A extends {}>(capacity: number): Contestant<A> => {
  const memory = bentostore().useL1Layer(memoryDriver({ maxItems: capacity, serialize: false }))
  const cache = new BentoCache({ default: "memory", stores: { memory } })
  return awaited(
    async (key) => (await cache.get({ key })) !== undefined,
    (key, value: A) => cache.setForever({ key, value }),
  )
}

/** The part of cacheable that holds values in memory. */
const cacheable = <A extends {}>(capacity: number): Contestant<A> => {
  const cache = new CacheableMemory({ lruSize: capacity, useClone: false })
  return direct(
    (key) => cache.get(key) !== undefined,
    (key, value: A) => cache.set(key, value),
  )
}

/** Over the memory of cacheable, as its documentation has it: its own default is a map without a bound. */
const cacheManager = <A extends {}>(capacity: number): Contestant<A> => {
  const cache = createCache({ stores: [createKeyv({ lruSize: capacity, useClone: false })] })
  return awaited(
    async (key) => (await cache.get(key)) !== undefined,
    (key, value: A) => cache.set(key, value),
  )
}

/** Each operation is run on its own, which is a good part of what it costs. */
const effectCache = <A extends {}>(capacity: number): Contestant<A> => {
  const cache = Effect.runSync(
    Cache.make<string, A>({ capacity, lookup: () => Effect.die("every value is set") }),
  )
  return direct(
    (key) => Option.isSome(Effect.runSync(Cache.getOption(cache, key))),
    (key, value: A) => Effect.runSync(Cache.set(cache, key, value)),
  )
}

export const peers = {
  "layered-loader": layeredLoader,
  bentocache,
  cacheable,
  "cache-manager": cacheManager,
  "effect Cache": effectCache,
}
