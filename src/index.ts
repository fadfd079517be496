/**
 * cache-mechanism as a library: a cache over a store, as Effect layers. No HTTP is involved.
 *
 * `Cache.layer` needs a `Store`, and `Follow.layer`, which keeps L1 coherent with every writer, a `Tracker`:
 * `RedisFollowed.layer` is both. `StoreSqlite.layer` goes with `TrackerNone.layer`, as nobody else writes to it;
 * for tests there are `StoreMemory.layer` and `TrackerMemory.layer`. `Backup.layer` and `Sweep.layer` add the fibers that compare L1
 * with the store and keep its memory free.
 */
export * as Backup from "./background/Backup.ts"
export * as Follow from "./background/Follow.ts"
export * as Sweep from "./background/Sweep.ts"
export * as Cache from "./cache/Cache.ts"
export * as Changes from "./cache/Changes.ts"
export * as Condition from "./core/Condition.ts"
export * as Entry from "./core/Entry.ts"
export * as Freshness from "./core/Freshness.ts"
export * as Lifetime from "./core/Lifetime.ts"
export * as Snapshot from "./core/Snapshot.ts"
export * as EntityTag from "./store/EntityTag.ts"
export * as RedisFollowed from "./store/RedisFollowed.ts"
export * as Store from "./store/Store.ts"
export * as StoreMemory from "./store/StoreMemory.ts"
export * as StoreRedis from "./store/StoreRedis.ts"
export * as StoreSqlite from "./store/StoreSqlite.ts"
export * as Tracker from "./store/Tracker.ts"
export * as TrackerMemory from "./store/TrackerMemory.ts"
export * as TrackerNone from "./store/TrackerNone.ts"
export * as TrackerRedis from "./store/TrackerRedis.ts"
