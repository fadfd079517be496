/** Prints what an entry was found to cost and what it is counted as, in bytes. Run with `--expose-gc`. */
import * as Option from "effect/Option"
import { entryOf } from "../../src/cache/Content.ts"
import * as CacheState from "../../src/core/CacheState.ts"

const ENTRIES = 50_000
const VALUE_BYTES = 100

const lifetime = { ttlMillis: 300_000, graceMillis: 0, negativeTtlMillis: 5_000, jitter: 0 }

const alive = (): number => {
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const valueOf = (index: number): Uint8Array =>
  new TextEncoder().encode(String(index).padEnd(VALUE_BYTES, "."))

const before = alive()
let state = CacheState.make({ maxEntries: ENTRIES, maxBytes: Number.MAX_SAFE_INTEGER })
for (let index = 0; index < ENTRIES; index++) {
  const key = `user:${index}:profile`
  const stored = Option.some({ bytes: valueOf(index), ttlMillis: Infinity })
  const [begun, asked] = CacheState.beginRead(state, key)
  state = CacheState.settle(asked, begun.token, entryOf(lifetime, key, stored, index, 0), index)[1]
}
const found = (alive() - before) / ENTRIES
console.log(JSON.stringify({ found, counted: CacheState.bytes(state) / ENTRIES }))
