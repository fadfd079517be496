import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Cache from "../../src/cache/Cache.ts"
import { L1 } from "../../src/cache/L1.ts"
import * as CacheState from "../../src/core/CacheState.ts"
import type * as Snapshot from "../../src/core/Snapshot.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"

const KEYS = 150

const layer = Cache.layer({
  bounds: { maxEntries: 1_000, maxBytes: 1e8 },
  lifetime: { ttlMillis: 300_000, graceMillis: 0, negativeTtlMillis: 5_000, jitter: 0 },
}).pipe(Layer.provide(StoreMemory.layer))

describe("Cache.snapshot", () => {
  it.effect("is one instant while writers go on", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.Cache
      const { current } = yield* L1
      const write = (key: string, value: string) => cache.put(key, new TextEncoder().encode(value))
      for (let index = 0; index < KEYS; index++) yield* write(`k${index}`, "first")
      const writer = (first: number) =>
        Effect.gen(function* () {
          for (let step = 0; step < 2_000; step++) {
            const key = `k${(first + step * 13) % KEYS}`
            if (step % 5 === 0) yield* cache.remove(key)
            else if (step % 7 === 0) yield* cache.invalidate([key])
            else yield* write(key, `${first}.${step}`)
            if (step % 500 === 499) yield* cache.invalidateAll
            yield* Effect.yieldNow
          }
        })
      const writers = yield* Effect.forEach([1, 2, 3], (first) => Effect.forkChild(writer(first)))
      const instants: Array<readonly [taken: Snapshot.Snapshot, then: ReadonlyMap<string, string>]> = []
      for (let round = 0; round < 50; round++) {
        const state = current()
        const then = new Map<string, string>()
        for (let index = 0; index < KEYS; index++) {
          const entry = CacheState.peek(state, `k${index}`, 0)
          if (entry?.value !== undefined) then.set(entry.key, String(entry.value))
        }
        const snapshot = yield* cache.snapshot
        for (let turn = 0; turn < 30; turn++) yield* Effect.yieldNow
        // A writer may have had a turn in between.
        if (snapshot.state !== state) continue
        instants.push([snapshot, then])
      }
      yield* Effect.forEach(writers, Fiber.join)
      for (const [snapshot, then] of instants) {
        const found = new Map<string, string>()
        for (const entry of snapshot.entries) {
          if (entry.value !== undefined) found.set(entry.key, String(entry.value))
        }
        assert.deepStrictEqual([...found].toSorted(), [...then].toSorted())
      }
      assert.isTrue(new Set(instants.map(([, then]) => JSON.stringify([...then]))).size > 20)
    }).pipe(Effect.provide(layer)),
  )
})
