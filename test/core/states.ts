/** States for tests, by their history. */
import * as CacheState from "../../src/core/CacheState.ts"
import type { Entry, Value } from "../../src/core/Entry.ts"
import type { Token } from "../../src/core/Fill.ts"

/** When the answers of these tests arrive. */
export const NOW = 10_000

export const roomy = CacheState.make({ maxEntries: 100, maxBytes: 1_000 })

export const beginRead = (
  state: CacheState.CacheState,
  key: string,
): readonly [Token, CacheState.CacheState] => {
  const [begun, next] = CacheState.beginRead(state, key)
  return [begun.token, next]
}

/** The state after these entries were read and installed. */
export const holding = (
  state: CacheState.CacheState,
  ...entries: ReadonlyArray<Entry>
): CacheState.CacheState =>
  entries.reduce((before, entry) => {
    const [token, asked] = beginRead(before, entry.key)
    return CacheState.settle(asked, token, entry, NOW)[1]
  }, state)

export const heldUnder = (state: CacheState.CacheState, key: string): Value | undefined => {
  const entry = CacheState.peek(state, key, NOW)
  return entry === undefined ? undefined : (entry.value ?? "absent")
}

export const reported = (removed: ReadonlyArray<CacheState.Removal>): ReadonlyArray<string> =>
  removed.map(({ cause, entry }) => `${cause} ${entry.key}`)
