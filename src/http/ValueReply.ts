/** A value as an HTTP reply: its bytes, and in the headers what is known of it. */
import * as DateTime from "effect/DateTime"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Reading, Via } from "../cache/Cache.ts"
import { BINARY_TYPE, textOf } from "../cache/Content.ts"
import type { Entry, Present } from "../core/Entry.ts"
import { quote } from "./Conditions.ts"

/** A private copy may be kept downstream but must be revalidated: a 304 costs no body and is never stale. */
const CACHE_CONTROL = "private, no-cache"

const MILLIS_PER_SECOND = 1_000

const secondsUntil = (millis: number, at: number): number => Math.floor((millis - at) / MILLIS_PER_SECOND)

/** RFC 9211: what the cache did for this reply. */
export const cacheStatus = (via: Via, entry: Entry, at: number): string => {
  switch (via._tag) {
    case "Hit":
      return `cache-mechanism; hit; ttl=${secondsUntil(entry.freshUntil, at)}`
    case "Stale":
      return `cache-mechanism; hit; ttl=${secondsUntil(entry.freshUntil, at)}; detail=store-unavailable`
    case "Forwarded":
      return `cache-mechanism; fwd=${via.because}${via.stored ? "; stored" : ""}${via.collapsed ? "; collapsed" : ""}`
  }
}

/** `wallNow`: Unix milliseconds at `reading.at`. */
const headersOf = ({ at, via }: Reading, entry: Present, wallNow: () => number): Record<string, string> => {
  const headers: Record<string, string> = {
    etag: quote(entry.etag),
    age: String(Math.max(0, secondsUntil(at, entry.confirmedAt))),
    "cache-control": CACHE_CONTROL,
    "cache-status": cacheStatus(via, entry, at),
    "x-content-type-options": "nosniff",
  }
  if (entry.storeExpiresAt !== Infinity) {
    const expires = DateTime.toDateUtc(DateTime.makeUnsafe(Math.round(wallNow() + entry.storeExpiresAt - at)))
    headers["expires"] = expires.toUTCString()
  }
  return headers
}

/** The value. Text goes out as a string, which Node sends in one write with the head. */
export const ok = (
  reading: Reading,
  entry: Present,
  wallNow: () => number,
): HttpServerResponse.HttpServerResponse => {
  const options = { contentType: entry.mediaType, headers: headersOf(reading, entry, wallNow) }
  return entry.mediaType === BINARY_TYPE
    ? HttpServerResponse.uint8Array(entry.bytes, options)
    : HttpServerResponse.text(textOf(entry.bytes), options)
}

/** The client has this value already. */
export const notModified = (
  reading: Reading,
  entry: Present,
  wallNow: () => number,
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 304, headers: headersOf(reading, entry, wallNow) })
