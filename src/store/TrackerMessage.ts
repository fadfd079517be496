/**
 * What Redis says on the channel of invalidations, read as what it means for L1.
 *
 * Three things arrive there: an array of names, `null` when everything was removed, and whatever anybody
 * else publishes: plain bytes, which mean nothing.
 */
import { Buffer, isUtf8 } from "node:buffer"
import { type Key, RESERVED_PREFIX } from "../core/Entry.ts"

export const CHANNEL = "__redis__:invalidate"

export type Message =
  | { readonly _tag: "Flushed" }
  | {
      readonly _tag: "Written"
      /** Without the prefix of the server, without our own. */
      readonly keys: ReadonlyArray<Key>
      /** Our own reserved keys. */
      readonly reserved: ReadonlyArray<Key>
    }
  | { readonly _tag: "Noise" }

/** Longer names are no entries, see `Key`. */
const KEY_MAX_BYTES = 1024

const flushed: Message = { _tag: "Flushed" }
const noise: Message = { _tag: "Noise" }

/** Never `payload.toString()`: it makes one text of `["a", "b"]` and of `["a,b"]`. */
export const decode = (payload: unknown, keyPrefix: string): Message => {
  if (payload === null) return flushed
  if (!Array.isArray(payload)) return noise
  const names: ReadonlyArray<unknown> = payload
  const keys: Array<Key> = []
  const reserved: Array<Key> = []
  for (const name of names) {
    const key = Buffer.isBuffer(name) ? keyOf(name, keyPrefix) : undefined
    if (key !== undefined) (key.startsWith(RESERVED_PREFIX) ? reserved : keys).push(key)
  }
  return { _tag: "Written", keys, reserved }
}

/** Undefined: it cannot be the name of an entry, so L1 cannot hold it. */
const keyOf = (name: Buffer, keyPrefix: string): Key | undefined => {
  if (!isUtf8(name)) return undefined
  const text = name.toString()
  if (!text.startsWith(keyPrefix)) return undefined
  const bytes = name.length - Buffer.byteLength(keyPrefix)
  return bytes > 0 && bytes <= KEY_MAX_BYTES ? text.slice(keyPrefix.length) : undefined
}
