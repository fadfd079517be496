/** What `core.ts` does its work on: keys, entries as the cache makes them, and an order in which to visit them. */
import * as Option from "effect/Option"
import { entryOf } from "../../src/cache/Content.ts"
import type { Entry } from "../../src/core/Entry.ts"

/** The time of everything, in monotonic milliseconds; nothing expires while it is measured. */
export const NOW = 1_000_000

export const VALUE_BYTES = 60

/** How many keys are visited, at random, of a large cache. */
const MAX_VISITED = 100_000

/** The defaults of the service. */
const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0.1 }

const KEY_DIGITS = 9
export const KEY_LENGTH = "key-".length + KEY_DIGITS

const bytesOfKey = (index: number): Buffer =>
  Buffer.from(`key-${String(index).padStart(KEY_DIGITS, "0")}`, "latin1")

/** Through bytes: the string is flat and nobody has hashed it yet, as when it comes from a socket. */
export const keyOf = (index: number): string => bytesOfKey(index).toString("latin1")

/** Marsaglia's xorshift with 32 bits: the same numbers in every run. */
const randomOf = (seed: number) => {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const random = randomOf(0x9e3779b9)

const TEXT_START = '{"id":'

/** A small entry as the cache makes it of what the store answered, with a value, a tag and deadlines of its own. */
export const entryAt = (key: string, index: number): Entry => {
  const value = `${TEXT_START}${String(index).padStart(VALUE_BYTES - TEXT_START.length - 1, " ")}}`
  const stored = { bytes: new Uint8Array(Buffer.from(value, "latin1")), ttlMillis: Infinity }
  return entryOf(lifetime, key, Option.some(stored), NOW, random())
}

const template = entryAt("", 0)

/** An entry whose value and tag are shared: what it costs to make is not the subject. */
export const newEntry = (key: string): Entry => ({ ...template, key })

/** A key that was never used before. */
export const newKey = (() => {
  let next = 100_000_000
  return () => keyOf(next++)
})()

export interface Workload {
  readonly size: number
  readonly keys: ReadonlyArray<string>
  readonly entries: ReadonlyArray<Entry>
  /** Keys in the order of visits. */
  readonly visited: ReadonlyArray<string>
  /** The same, one after the other, to build their strings anew. */
  readonly text: Buffer
  /** As many entries that are not in the cache. */
  readonly others: ReadonlyArray<Entry>
}

/** Bytes that are alive: those that V8 counts, and all that the process occupies. */
export interface Bytes {
  readonly counted: number
  readonly resident: number
}

export const alive = (): Bytes => {
  // What the first pass finalises the second one frees.
  for (let pass = 0; pass < 2; pass++) globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { counted: heapUsed + external, resident: rss }
}

/** What has come alive since, for each of `size`. */
export const since = (before: Bytes, size: number): Bytes => {
  const { counted, resident } = alive()
  return {
    counted: Math.round((counted - before.counted) / size),
    resident: Math.round((resident - before.resident) / size),
  }
}

/** Some of the numbers below `size`, each once. */
const someOf = (size: number): ReadonlyArray<number> => {
  const numbers = Array.from({ length: size }, (_, index) => index)
  const count = Math.min(size, MAX_VISITED)
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (size - at))
    const kept = numbers[at] ?? 0
    numbers[at] = numbers[other] ?? 0
    numbers[other] = kept
  }
  return numbers.slice(0, count)
}

export const make = (size: number): Workload => {
  const keys = Array.from({ length: size }, (_, index) => keyOf(index))
  const order = someOf(size)
  return {
    size,
    keys,
    entries: keys.map(entryAt),
    visited: order.map((index) => keys[index] ?? ""),
    text: Buffer.concat(order.map(bytesOfKey)),
    others: order.map((index) => newEntry(keyOf(size + index))),
  }
}
