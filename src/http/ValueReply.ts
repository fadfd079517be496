/** A value as an HTTP reply: its bytes, and in the headers what is known of it. */
import * as DateTime from "effect/DateTime"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Reading } from "../cache/Cache.ts"
import * as Described from "./Described.ts"
import type { Present, Value } from "../core/Entry.ts"

/** A private copy may be kept downstream but must be revalidated: a 304 costs no body and is never stale. */
const CACHE_CONTROL = "private, no-cache"

const MILLIS_PER_SECOND = 1_000

const secondsUntil = (millis: number, at: number): number => Math.floor((millis - at) / MILLIS_PER_SECOND)

/**
 * RFC 9211: what the cache did for this reply. No `fwd-status`: what the store answers is no HTTP status; no `key`:
 * it is in the path.
 */
export const cacheStatus = ({ at, freshUntil, via }: Reading): string => {
  switch (via._tag) {
    case "Hit":
      return `cache-mechanism; hit; ttl=${secondsUntil(freshUntil, at)}`
    case "Stale":
      return `cache-mechanism; hit; ttl=${secondsUntil(freshUntil, at)}; detail=${via.because}`
    case "Forwarded":
      return `cache-mechanism; fwd=${via.because}${via.stored ? "; stored" : ""}${via.collapsed ? "; collapsed" : ""}`
  }
}

/** The `Cache-Status` of a reply that neither L1 nor the store was used for. */
export const NOT_CACHED = "cache-mechanism; detail=only-if-cached"

/** `wallNow`: Unix milliseconds at `reading.at`. */
const headersOf = (
  reading: Reading,
  entry: Present,
  etag: string,
  wallNow: () => number,
): Record<string, string> => {
  const { at } = reading
  const headers: Record<string, string> = {
    "accept-ranges": "none",
    etag,
    age: String(Math.max(0, secondsUntil(at, entry.confirmedAt))),
    "cache-control": CACHE_CONTROL,
    "cache-status": cacheStatus(reading),
    "x-content-type-options": "nosniff",
  }
  if (entry.storeExpiresAt !== undefined) {
    const expires = DateTime.toDateUtc(DateTime.makeUnsafe(Math.round(wallNow() + entry.storeExpiresAt - at)))
    headers["expires"] = expires.toUTCString()
  }
  return headers
}

/** A reply before it has a form: the hot path writes it as it is, the contract makes a response of it. */
export interface ValueReply {
  readonly status: 200 | 304
  /** Without a media type and a length: those belong to the body. */
  readonly headers: Record<string, string>
  readonly mediaType: string
  readonly byteLength: number
  /** Text goes out as a string, which Node sends in one write with the head. Absent: there is no body. */
  readonly body?: Value
}

/** The value. `wallNow`: Unix milliseconds now. */
export const ok = (reading: Reading, entry: Present, wallNow: () => number): ValueReply => {
  const { byteLength, mediaType, quotedEtag } = Described.of(entry)
  return {
    status: 200,
    headers: headersOf(reading, entry, quotedEtag, wallNow),
    mediaType,
    byteLength,
    body: entry.value,
  }
}

/** The client has this value already. */
export const notModified = (reading: Reading, entry: Present, wallNow: () => number): ValueReply => {
  const { byteLength, mediaType, quotedEtag } = Described.of(entry)
  return { status: 304, headers: headersOf(reading, entry, quotedEtag, wallNow), mediaType, byteLength }
}

/** As a response of the contract. */
export const toResponse = ({
  body,
  headers,
  mediaType,
  status,
}: ValueReply): HttpServerResponse.HttpServerResponse => {
  if (body === undefined) return HttpServerResponse.empty({ status, headers })
  const options = { status, contentType: mediaType, headers }
  return typeof body === "string"
    ? HttpServerResponse.text(body, options)
    : HttpServerResponse.uint8Array(body, options)
}
