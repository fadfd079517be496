/** What `core.ts` does its work on: keys, entries as the cache makes them, and an order in which to visit them. */
import { hash } from "node:crypto"
import type { Present } from "../../src/core/Entry.ts"
import * as Entry from "../../src/core/Entry.ts"
import * as Lifetime from "../../src/core/Lifetime.ts"

/** The time of everything, in monotonic milliseconds; nothing expires while it is measured. */
export const NOW = 1_000_000

export const VALUE_BYTES = 60

const lifetime: Lifetime.Lifetime = {
  ttlMillis: 300_000,
  graceMillis: 3_600_000,
  negativeTtlMillis: 5_000,
  jitter: 0.1,
}

const KEY_DIGITS = 9
export const KEY_LENGTH = "key-".length + KEY_DIGITS

/** Through bytes: the string is flat and nobody has hashed it yet, as when it comes from a socket. */
const textOf = (index: number): Buffer => Buffer.from(`key-${String(index).padStart(KEY_DIGITS, "0")}`, "latin1")
const keyOf = (index: number): string => textOf(index).toString("latin1")

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

/** A small entry, with deadlines that differ by jitter as in life. Value and tag are its own or shared. */
const entryOf = (key: string, bytes: Uint8Array, etag: string): Present => {
  const { deadAt, freshUntil, storeExpiresAt } = Lifetime.ofValue(lifetime, NOW, Infinity, random())
  return {
    _tag: "Present",
    key,
    bytes,
    etag,
    mediaType: "application/json",
    confirmedAt: NOW,
    freshUntil,
    deadAt,
    storeExpiresAt,
    weight: Entry.weigh(key, bytes.byteLength),
  }
}

const sharedBytes = new Uint8Array(VALUE_BYTES)
const sharedTag = hash("sha1", sharedBytes, "hex")

/** For the operations that bring a new entry each time: making it costs everybody the same. */
export const newEntry = (key: string): Present => entryOf(key, sharedBytes, sharedTag)

/** A key that was never used before. */
export const newKey = (() => {
  let next = 100_000_000
  return () => keyOf(next++)
})()

export interface Workload {
  readonly size: number
  readonly keys: ReadonlyArray<string>
  readonly entries: ReadonlyArray<Present>
  /** As many others, which are not filled in. */
  readonly others: ReadonlyArray<Present>
  /** Every place once, shuffled. */
  readonly order: Uint32Array
  /** All keys, one after the other: to build them anew per request. */
  readonly text: Buffer
  /** Bytes on the heap beyond characters and values, per entry. */
  readonly overhead: { readonly key: number; readonly entry: number }
}

/** Bytes that are alive, on the heap and in array buffers. */
export const aliveBytes = (): number => {
  for (let pass = 0; pass < 2; pass++) globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** What filling an array that has room for it brings to the heap, per place. */
const filled = <A>(size: number, of: (index: number) => A): readonly [Array<A>, bytes: number] => {
  const array = new Array<A>(size)
  const before = aliveBytes()
  for (let index = 0; index < size; index++) array[index] = of(index)
  return [array, (aliveBytes() - before) / size]
}

const shuffled = (size: number): Uint32Array => {
  const order = Uint32Array.from({ length: size }, (_, index) => index)
  for (let last = size - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = kept
  }
  return order
}

export const make = (size: number): Workload => {
  const [keys, keyBytes] = filled(size, keyOf)
  const others = Array.from({ length: size }, (_, index) => newEntry(keyOf(size + index)))
  const bytesOf = () => new Uint8Array(VALUE_BYTES)
  const tagOf = (index: number) => hash("sha1", String(index), "hex")
  const [entries, entryBytes] = filled(size, (index) => entryOf(keys[index] ?? "", bytesOf(), tagOf(index)))
  const text = Buffer.alloc(size * KEY_LENGTH)
  for (let index = 0; index < size; index++) textOf(index).copy(text, index * KEY_LENGTH)
  return {
    size,
    keys,
    entries,
    others,
    order: shuffled(size),
    text,
    overhead: { key: keyBytes - KEY_LENGTH, entry: entryBytes - VALUE_BYTES },
  }
}
