/**
 * cache-mechanism as a library: a cache over a store, as Effect layers. No HTTP is involved.
 *
 * `Cache.layer` needs a `Store`: `StoreRedis.layer`, `StoreSqlite.layer` or, for tests, `StoreMemory.layer`.
 * `Backup.layer` and `Sweep.layer` add the fibers that keep L1 in step and its memory free.
 */
export * as Backup from "./background/Backup.ts"
export * as Sweep from "./background/Sweep.ts"
export * as Cache from "./cache/Cache.ts"
export * as Condition from "./core/Condition.ts"
export * as Entry from "./core/Entry.ts"
export * as Lifetime from "./core/Lifetime.ts"
export * as Snapshot from "./core/Snapshot.ts"
export * as Store from "./store/Store.ts"
export * as StoreMemory from "./store/StoreMemory.ts"
export * as StoreRedis from "./store/StoreRedis.ts"
export * as StoreSqlite from "./store/StoreSqlite.ts"
