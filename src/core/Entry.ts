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

/** A value that the store held. */
export interface Present extends Timed {
  readonly _tag: "Present"
  /** The exact bytes that the store holds. Never written to. */
  readonly bytes: Uint8Array
  readonly etag: EntityTag
  readonly mediaType: string
  /** When the store itself forgets the value; `Infinity` when it never does. Monotonic milliseconds. */
  readonly storeExpiresAt: number
}

/** The store had no value: remembered for a short while, so that misses do not hammer the store. */
export interface Absent extends Timed {
  readonly _tag: "Absent"
}

export type Entry = Present | Absent

export type Freshness = "fresh" | "stale" | "expired"

/**
 * Bytes that an entry costs beyond its key and value in this representation: hash map nodes, resident, entity
 * tag, queue place, deadline, array. V8 counts 850 to 920, the process grows by about 1,200. A test compares.
 */
export const OVERHEAD_BYTES = 1_200

export const freshness = (entry: Entry, now: number): Freshness =>
  now < entry.freshUntil ? "fresh" : now < entry.deadAt ? "stale" : "expired"

/** What an entry with this key and this many bytes of value costs. A key costs two bytes a character at most. */
export const weigh = (key: Key, valueBytes: number): number => OVERHEAD_BYTES + 2 * key.length + valueBytes
