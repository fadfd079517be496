/** Entries for tests that care about time and weight only. */
import type { Absent, Key, Present } from "../../src/core/Entry.ts"

interface Facts {
  readonly weight?: number
  readonly confirmedAt?: number
  readonly freshUntil?: number
  readonly deadAt?: number
}

const FAR = 1_000_000_000

const timed = (key: Key, { confirmedAt = 0, deadAt, freshUntil, weight = 1 }: Facts) => {
  const end = deadAt ?? freshUntil ?? FAR
  return { key, weight, confirmedAt, freshUntil: freshUntil ?? end, deadAt: end }
}

export const present = (key: Key, value: string, facts: Facts = {}): Present => ({
  ...timed(key, facts),
  value,
})

export const absent = (key: Key, facts: Facts = {}): Absent => ({ ...timed(key, facts), value: undefined })
