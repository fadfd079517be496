/** A value as an HTTP reply: its bytes, and in the headers what is known of it. */
import type * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Reading } from "../cache/Cache.ts"
import * as Described from "./Described.ts"
import type { Present, Value } from "../core/Entry.ts"

/** A private copy may be kept downstream but must be revalidated: a 304 costs no body and is never stale. */
const REVALIDATE = "private, no-cache"

/** What the operator lets caches downstream do without asking. Milliseconds; 0: nothing. */
export interface Downstream {
  /** How long after this reply they may use it, if it stays fresh here as long. */
  readonly maxAgeMillis: number
  readonly staleWhileRevalidateMillis: number
  readonly staleIfErrorMillis: number
}

/** What is the same for all replies. */
export interface Terms {
  /** Unix milliseconds. */
  readonly wallNow: () => number
  readonly describe: Described.Describe
  /** Not there: everything is asked again. */
  readonly downstream?: Downstream
}

const MILLIS_PER_SECOND = 1_000

const secondsUntil = (millis: number, at: number): number => Math.floor((millis - at) / MILLIS_PER_SECOND)

export interface Options {
  /** Default: caches downstream ask each time. */
  readonly downstream?: Downstream
  readonly describe: Described.Describe
}

export const termsOf = (clock: Clock.Clock, { describe, downstream }: Options): Terms => ({
  wallNow: () => clock.currentTimeMillisUnsafe(),
  describe,
  ...(downstream === undefined ? {} : { downstream }),
})

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

/**
 * RFC 9111 section 5.2.2, RFC 5861. `max-age` counts from when the store confirmed the value, as `Age` does, so
 * the age is added to what is allowed. A copy that is not fresh here must be asked for again.
 */
const cacheControl = ({ at, freshUntil, via }: Reading, age: number, downstream: Downstream): string => {
  if (via._tag === "Stale") return REVALIDATE
  const allowed = Math.min(downstream.maxAgeMillis, Math.max(0, freshUntil - at))
  const directives = [`private, max-age=${age + Math.floor(allowed / MILLIS_PER_SECOND)}`]
  const add = (name: string, millis: number) => {
    if (millis > 0) directives.push(`${name}=${Math.floor(millis / MILLIS_PER_SECOND)}`)
  }
  add("stale-while-revalidate", downstream.staleWhileRevalidateMillis)
  add("stale-if-error", downstream.staleIfErrorMillis)
  return directives.join(", ")
}

const headersOf = (
  reading: Reading,
  entry: Present,
  etag: string,
  { downstream, wallNow }: Terms,
): Record<string, string> => {
  const { at } = reading
  const age = Math.max(0, secondsUntil(at, entry.confirmedAt))
  const headers: Record<string, string> = {
    "accept-ranges": "none",
    etag,
    age: String(age),
    "cache-control": downstream === undefined ? REVALIDATE : cacheControl(reading, age, downstream),
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

/** The value. */
export const ok = (reading: Reading, entry: Present, terms: Terms): ValueReply => {
  const { byteLength, mediaType, quotedEtag } = terms.describe(entry)
  return {
    status: 200,
    headers: headersOf(reading, entry, quotedEtag, terms),
    mediaType,
    byteLength,
    body: entry.value,
  }
}

/** The client has this value already. */
export const notModified = (reading: Reading, entry: Present, terms: Terms): ValueReply => {
  const { byteLength, mediaType, quotedEtag } = terms.describe(entry)
  return { status: 304, headers: headersOf(reading, entry, quotedEtag, terms), mediaType, byteLength }
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
