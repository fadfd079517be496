/** From bytes that the store confirmed to an entry: tag, media type and deadlines are decided once, here. */
import { isUtf8 } from "node:buffer"
import * as Option from "effect/Option"
import * as Entry from "../core/Entry.ts"
import * as Lifetime from "../core/Lifetime.ts"
import * as EntityTag from "../store/EntityTag.ts"
import type { Stored } from "../store/Store.ts"

export const JSON_TYPE = "application/json"
export const TEXT_TYPE = "text/plain; charset=utf-8"
export const BINARY_TYPE = "application/octet-stream"

/**
 * JSON text, other UTF-8 text, or bytes. Never `text/html`: a value is data, whoever wrote it.
 */
export const mediaTypeOf = (bytes: Uint8Array): string => {
  if (!isUtf8(bytes)) return BINARY_TYPE
  return isJson(bytes) ? JSON_TYPE : TEXT_TYPE
}

/** Which first bytes a JSON text can have: white space, quote, minus, digit, `[`, `{`, `t`, `f`, `n`. */
const JSON_START = /^[\t\n\r "\-0-9[{tfn]/

const isJson = (bytes: Uint8Array): boolean => {
  const first = bytes[0]
  if (first === undefined || !JSON_START.test(String.fromCharCode(first))) return false
  try {
    JSON.parse(textOf(bytes))
    return true
  } catch {
    return false
  }
}

/** The text of bytes that are UTF-8; a byte order mark is kept. */
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

/**
 * The entry for what the store answered to a question sent at `askedAt`. When the value is the same as in
 * `known`, its bytes, tag and media type are taken from there: comparing costs less than hashing and parsing.
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
    const { deadAt, freshUntil } = Lifetime.ofAbsence(lifetime, askedAt)
    return { _tag: "Absent", key, confirmedAt: askedAt, freshUntil, deadAt, weight: Entry.weigh(key, 0) }
  }
  const { bytes, ttlMillis } = stored.value
  const { deadAt, freshUntil, storeExpiresAt } = Lifetime.ofValue(lifetime, askedAt, ttlMillis, random)
  if (known?._tag === "Present" && Buffer.compare(known.bytes, bytes) === 0) {
    return { ...known, confirmedAt: askedAt, freshUntil, deadAt, storeExpiresAt }
  }
  return {
    _tag: "Present",
    key,
    bytes,
    etag: EntityTag.of(bytes),
    mediaType: mediaTypeOf(bytes),
    confirmedAt: askedAt,
    freshUntil,
    deadAt,
    storeExpiresAt,
    weight: Entry.weigh(key, bytes.byteLength),
  }
}
