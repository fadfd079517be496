/** From bytes that the store confirmed to an entry, and from an entry to what its value is. */
import { isUtf8 } from "node:buffer"
import * as Option from "effect/Option"
import * as Entry from "../core/Entry.ts"
import * as Lifetime from "../core/Lifetime.ts"
import * as EntityTag from "../store/EntityTag.ts"
import type { Stored } from "../store/Store.ts"

export const JSON_TYPE = "application/json"
export const TEXT_TYPE = "text/plain; charset=utf-8"
export const BINARY_TYPE = "application/octet-stream"

/** What a reader may want to know of a value besides the value. Computed when it is asked for: it takes a while. */
export interface Description {
  readonly etag: Entry.EntityTag
  /** JSON text, other text, or bytes. Never `text/html`: a value is data, whoever wrote it. */
  readonly mediaType: string
  readonly byteLength: number
}

export const describe = (value: Entry.Value): Description => ({
  etag: EntityTag.of(value),
  mediaType: typeof value === "string" ? (isJson(value) ? JSON_TYPE : TEXT_TYPE) : BINARY_TYPE,
  byteLength: Buffer.byteLength(value),
})

/** Which first character a JSON text can have: white space, quote, minus, digit, `[`, `{`, `t`, `f`, `n`. */
const JSON_START = /^[\t\n\r "\-0-9[{tfn]/

const isJson = (text: string): boolean => {
  if (!JSON_START.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The text of bytes that are UTF-8; a byte order mark is kept. */
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

/** The form in which L1 keeps these bytes. */
export const valueOf = (bytes: Uint8Array): Entry.Value => (isUtf8(bytes) ? textOf(bytes) : bytes)

/** The bytes that a value stands for; not to be written to. */
export const bytesOf = (value: Entry.Value): Uint8Array =>
  typeof value === "string" ? new TextEncoder().encode(value) : value

/**
 * The entry for what the store answered to a question sent at `askedAt`. When the value is the same as in
 * `known`, it is taken from there.
 */
export const entryOf = (
  lifetime: Lifetime.Lifetime,
  key: Entry.Key,
  stored: Option.Option<Stored>,
  askedAt: number,
  random: number,
  known?: Entry.Entry,
): Entry.Entry => {
  if (Option.isNone(stored)) {
    return Entry.absent(key, Entry.weigh(key, 0), askedAt, Lifetime.ofAbsence(lifetime, askedAt))
  }
  const { bytes, ttlMillis } = stored.value
  const answered = valueOf(bytes)
  const isKnown = known?.value !== undefined && Entry.isSameValue(known.value, answered)
  const weight = Entry.weigh(key, Entry.occupiedBy(answered, bytes.byteLength))
  const deadlines = Lifetime.ofValue(lifetime, askedAt, ttlMillis, random)
  return Entry.present(key, isKnown ? known.value : answered, weight, askedAt, deadlines)
}
