/** What the core is measured on: keys, entries as the cache makes them, and orders in which to ask for them. */
import * as Option from "effect/Option"
import { entryOf } from "../../src/cache/Content.ts"
import type { Entry } from "../../src/core/Entry.ts"

/** The time of everything, in monotonic milliseconds; nothing expires while it is measured. */
export const NOW = 1_000_000

export const VALUE_BYTES = 60

/** The defaults of the service. */
export const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0.1 }

const KEY_DIGITS = 9
export const KEY_LENGTH = "key-".length + KEY_DIGITS

/** Through bytes: the string is flat and nobody has hashed it yet, as when it comes from a socket. */
export const keyOf = (index: number): string =>
  Buffer.from(`key-${String(index).padStart(KEY_DIGITS, "0")}`, "latin1").toString("latin1")

const TEXT_START = '{"id":'

/** A small JSON document. */
export const valueOf = (index: number): Uint8Array => {
  const digits = String(index).padStart(VALUE_BYTES - TEXT_START.length - 1, " ")
  return new Uint8Array(Buffer.from(`${TEXT_START}${digits}}`, "latin1"))
}

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

/** The entry that the cache makes of what the store answered: a tag, and deadlines of its own. */
export const entryAt = (key: string, bytes: Uint8Array): Entry =>
  entryOf(lifetime, key, Option.some({ bytes, ttlMillis: Infinity }), NOW, random())

const template = entryAt("", valueOf(0))

/** An entry whose value and tag are shared: what it costs to make them is not the subject. */
export const newEntry = (key: string): Entry => ({ ...template, key })

const ZERO = "0".charCodeAt(0)
const NINE = "9".charCodeAt(0)

/** A key that was never used before, made of bytes like the others, but by counting in them: that costs less. */
export const newKey = (() => {
  const bytes = Buffer.from("key-100000000", "latin1")
  return () => {
    let at = bytes.length - 1
    for (; bytes[at] === NINE; at--) bytes[at] = ZERO
    bytes[at] = (bytes[at] ?? ZERO) + 1
    return bytes.toString("latin1")
  }
})()

export interface Workload {
  readonly size: number
  /** What fills a cache of this size. */
  readonly entries: ReadonlyArray<Entry>
  /** As many entries that are not in it then. */
  readonly others: ReadonlyArray<Entry>
  /** Keys of `entries`, each as likely as the other. */
  readonly uniform: Order
  /** Keys of `entries`, few of them often. */
  readonly zipf: Order
  /** Entries of both, few of them often. */
  readonly mixed: ReadonlyArray<Entry>
}

/** Keys in the order in which they are asked for, and their text one after the other, to build them anew. */
export interface Order {
  readonly keys: ReadonlyArray<string>
  readonly text: Buffer
}

const orderOf = (keys: ReadonlyArray<string>): Order => ({ keys, text: Buffer.from(keys.join(""), "latin1") })

/** Requests after which an order begins again: so many per entry, up to so many. */
const REQUESTS_PER_ENTRY = 10
const MAX_REQUESTS = 1_000_000
const ZIPF_EXPONENT = 0.99

/** Draws the `rank`th of so many in proportion to `1 / rank ** ZIPF_EXPONENT`, counted from 0. */
const zipfOf = (count: number): (() => number) => {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += (rank + 1) ** -ZIPF_EXPONENT
  return () => {
    const drawn = random() * sum
    let low = 0
    for (let high = count - 1; low < high;) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) <= drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

const shuffled = <A>(some: ReadonlyArray<A>): ReadonlyArray<A> => {
  const all = [...some]
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [one, two] = [all[at], all[other]]
    if (one !== undefined && two !== undefined) [all[at], all[other]] = [two, one]
  }
  return all
}

const drawnFrom = <A>(some: ReadonlyArray<A>, count: number, draw: () => number): ReadonlyArray<A> =>
  Array.from({ length: count }, () => some[draw()]).filter((one) => one !== undefined)

export const make = (size: number): Workload => {
  const entries = Array.from({ length: size }, (_, index) => entryAt(keyOf(index), valueOf(index)))
  const others = Array.from({ length: size }, (_, index) => newEntry(keyOf(size + index)))
  const keys = shuffled(entries.map(({ key }) => key))
  const requests = Math.min(REQUESTS_PER_ENTRY * size, MAX_REQUESTS)
  return {
    size,
    entries,
    others,
    uniform: orderOf(drawnFrom(keys, requests, () => Math.floor(random() * size))),
    zipf: orderOf(drawnFrom(keys, requests, zipfOf(size))),
    mixed: drawnFrom(shuffled([...entries, ...others]), requests, zipfOf(2 * size)),
  }
}
