/**
 * The reply to a plain read that L1 can answer: what the contract says, without its machinery.
 *
 * It answers only what it can answer exactly as the contract would; for all else it returns nothing and the
 * contract answers. A test sends the same requests with and without it and compares the replies.
 */
import type { IncomingHttpHeaders, ServerResponse } from "node:http"
import type { Reading } from "../cache/Cache.ts"
import type { Key } from "../core/Entry.ts"
import type { Identity } from "./Caller.ts"
import * as Permission from "./Permission.ts"
import * as ValueReply from "./ValueReply.ts"

const PATH = "/entries/"

/** Anything that needs a second look: another segment, a query, a fragment, what routers treat as special. */
const SPECIAL = /[/?#;]/

const keyOf = (url: string): Key | undefined => {
  const raw = url.slice(PATH.length)
  if (SPECIAL.test(raw)) return undefined
  if (!raw.includes("%")) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}

/** Nobody reads it, but the connection is not free before it has come. */
const hasBody = (headers: IncomingHttpHeaders): boolean =>
  headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined

/** One strong entity tag, the form in which clients send back what they got. */
const ONE_STRONG_TAG = /^"[\x21\x23-\x7e]*"$/

/** Whether a reader asks for something else than what is fresh. */
const asksForMore = (headers: IncomingHttpHeaders): boolean =>
  headers["cache-control"] !== undefined || headers.pragma !== undefined || headers["if-match"] !== undefined

export interface Sources {
  /** A fresh copy from L1, counted as a hit. */
  readonly peek: (key: Key) => Reading | undefined
  readonly terms: ValueReply.Terms
}

/** What it looks at of a request, before the platform has wrapped it. */
export interface RawRequest {
  readonly headers: IncomingHttpHeaders
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** Writes the reply to the connection: what the platform would do, without a response value in between. */
export const write = (
  response: ServerResponse,
  { body, byteLength, headers, mediaType, status }: ValueReply.ValueReply,
): void => {
  if (body !== undefined) {
    headers["content-type"] = mediaType
    headers["content-length"] = String(byteLength)
  }
  response.writeHead(status, headers)
  response.end(body)
}

/** The route that it serves. */
export const ROUTE = "/entries/{key}"

/** The reply, or nothing when the contract has to look at the request. */
export const answer = (
  { peek, terms }: Sources,
  { headers, method, url }: RawRequest,
  caller: Identity,
): ValueReply.ValueReply | undefined => {
  if (method !== "GET" || url === undefined || !url.startsWith(PATH)) return undefined
  if (headers.host === undefined || hasBody(headers) || asksForMore(headers)) return undefined
  const noneMatch = headers["if-none-match"]
  if (noneMatch !== undefined && !ONE_STRONG_TAG.test(noneMatch)) return undefined
  const key = keyOf(url)
  if (key === undefined || !Permission.mayRead(caller, key)) return undefined
  const reading = peek(key)
  if (reading === undefined || reading.entry.value === undefined) return undefined
  return noneMatch === terms.describe(reading.entry).quotedEtag
    ? ValueReply.notModified(reading, reading.entry, terms)
    : ValueReply.ok(reading, reading.entry, terms)
}
