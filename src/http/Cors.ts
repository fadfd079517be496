/** Which pages of other origins may ask (the Fetch standard's CORS protocol). Off unless `CORS_ORIGINS` says who. */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Option from "effect/Option"

/** Every origin, or these. */
export type Origins = "any" | ReadonlySet<string>

const EXPOSED =
  "ETag, Age, Cache-Status, Expires, Location, Allow, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate"

const REQUEST_HEADERS =
  "Authorization, Cache-Control, Cache-Tags, Content-Type, If-Match, If-None-Match, Last-Event-ID, Prefer"

/** Seconds for which a browser need not ask again. */
const PREFLIGHT_LASTS = "600"

/** For error messages. */
export const ACCEPTED = "* or origins such as https://example.org with commas between them"

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** Origins as people write them; browsers send them in lower case. */
export const parse = (text: string): Option.Option<Origins> => {
  if (text.trim() === "*") return Option.some("any")
  const origins = text.split(",").map((origin) => origin.trim().toLowerCase())
  return origins.every((origin) => ORIGIN.test(origin)) ? Option.some(new Set(origins)) : Option.none()
}

export const allows = (origins: Origins | undefined, origin: string): boolean =>
  origins !== undefined && (origins === "any" || origins.has(origin))

/** Tells the browser that the page may read the reply. */
export const annotate = (origins: Origins, { headers }: IncomingMessage, response: ServerResponse): void => {
  // A reply without the headers must not be reused for an origin that gets them.
  if (origins !== "any") response.setHeader("vary", "Origin")
  const { origin } = headers
  if (origin === undefined || !allows(origins, origin)) return
  response.setHeader("access-control-allow-origin", origins === "any" ? "*" : origin)
  response.setHeader("access-control-expose-headers", EXPOSED)
}

/** Whether a browser asks what a page may send. */
export const isPreflight = (origins: Origins | undefined, { headers, method }: IncomingMessage): boolean =>
  method === "OPTIONS" &&
  headers["access-control-request-method"] !== undefined &&
  headers.origin !== undefined &&
  allows(origins, headers.origin)

/** The headers that answer it, beside those of every reply. */
export const preflight = (allow: ReadonlyArray<string>): Record<string, string> => ({
  "access-control-allow-methods": allow.join(", "),
  "access-control-allow-headers": REQUEST_HEADERS,
  "access-control-max-age": PREFLIGHT_LASTS,
})
