/**
 * What L1 holds under a key: a value that the store confirmed, or the fact that the store had none.
 *
 * An entry never changes. It carries its own deadlines, so whether it may be served is a question about
 * the entry and the time, and nothing has to be scheduled for it.
 */

/** The name of an entry: 1 to 1,024 bytes of UTF-8 (checked at the edges). */
export type Key = string

/** Keys that begin with this are ours in every store: never listed, never read or written through the API. */
export const RESERVED_PREFIX = "__cache-mechanism:"

/** The SHA-1 of a value as 40 hex digits: Redis can compute it too, so conditions are decided in the store. */
export type EntityTag = string

interface Timed {
  readonly key: Key
  /** When the question left for the store; the value is at least as new as this. Monotonic milliseconds. */
  readonly confirmedAt: number
  /** Served without asking the store before this. Monotonic milliseconds. */
  readonly freshUntil: number
  /** Never served from this on. Monotonic milliseconds, never before `freshUntil`. */
  readonly deadAt: number
  /** What it costs against the bound on bytes. */
  readonly weight: number
}

/**
 * What the store holds under a key: bytes. Those that are UTF-8 are kept as text, which costs a fraction of the
 * memory of an array and goes out as it is; there is exactly one form for the same bytes. Never written to.
 */
export type Value = string | Uint8Array

/** The store held a value. */
export interface Present extends Timed {
  readonly value: Value
  /** When the store itself forgets the value; not there when it never does. Monotonic milliseconds. */
  readonly storeExpiresAt?: number
}

/** The store had no value: remembered for a short while, so that misses do not hammer the store. */
export interface Absent extends Timed {
  readonly value: undefined
}

/**
 * A plain record of few fields: a cache holds many. The value says which of the two it is, so no tag does; what
 * can be computed from it (its entity tag, its media type) is not kept.
 */
export type Entry = Present | Absent

/** Deadlines as `Lifetime.ts` computes them: `storeExpiresAt` may be `Infinity`. */
interface Deadlines {
  readonly freshUntil: number
  readonly deadAt: number
  readonly storeExpiresAt: number
}

/**
 * An entry with these times in whole milliseconds, rather too early than too late. A whole number needs no memory
 * beside the entry, nor does a field that was written down as one of a literal.
 */
export const present = (
  key: Key,
  value: Value,
  weight: number,
  askedAt: number,
  deadlines: Deadlines,
): Present => {
  const confirmedAt = Math.floor(askedAt)
  const freshUntil = Math.floor(deadlines.freshUntil)
  const deadAt = Math.floor(deadlines.deadAt)
  const storeExpiresAt = Math.floor(deadlines.storeExpiresAt)
  return storeExpiresAt === Infinity
    ? { key, value, confirmedAt, freshUntil, deadAt, weight }
    : { key, value, confirmedAt, freshUntil, deadAt, weight, storeExpiresAt }
}

export const absent = (
  key: Key,
  weight: number,
  askedAt: number,
  deadlines: Omit<Deadlines, "storeExpiresAt">,
): Absent => {
  const confirmedAt = Math.floor(askedAt)
  const freshUntil = Math.floor(deadlines.freshUntil)
  const deadAt = Math.floor(deadlines.deadAt)
  return { key, value: undefined, confirmedAt, freshUntil, deadAt, weight }
}

export type Freshness = "fresh" | "stale" | "expired"

/** Whether two values are the same bytes. */
export const isSameValue = (one: Value, other: Value): boolean =>
  typeof one === "string" || typeof other === "string" ? one === other : isSameBytes(one, other)

const isSameBytes = (one: Uint8Array, other: Uint8Array): boolean => {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at === one.length && at === other.length
}

/**
 * Bytes that an entry costs beyond the characters of its key and its value: the entry, its place in the tree
 * and in a queue, its share of the tree and of the ghosts, the headers of two strings. A test compares.
 */
export const OVERHEAD_BYTES = 240

/** What an array costs beyond its bytes. */
const ARRAY_BYTES = 320

export const freshness = (entry: Entry, now: number): Freshness =>
  now < entry.freshUntil ? "fresh" : now < entry.deadAt ? "stale" : "expired"

/**
 * What a value of so many bytes occupies: text has a byte for each character when all are ASCII, else two.
 */
export const occupiedBy = (value: Value, bytes: number): number =>
  typeof value !== "string" ? ARRAY_BYTES + bytes : value.length === bytes ? bytes : 2 * value.length

/** What an entry with this key and a value that occupies so much costs. A key has two bytes a character at most. */
export const weigh = (key: Key, occupied: number): number => OVERHEAD_BYTES + 2 * key.length + occupied
