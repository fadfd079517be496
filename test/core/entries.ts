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

/** A value whose tag is `etag`, and whose bytes are its text. */
export const present = (key: Key, etag: string, facts: Facts = {}): Present => ({
  _tag: "Present",
  ...timed(key, facts),
  bytes: new TextEncoder().encode(etag),
  etag,
  mediaType: "text/plain",
  storeExpiresAt: Infinity,
})

export const absent = (key: Key, facts: Facts = {}): Absent => ({ _tag: "Absent", ...timed(key, facts) })
