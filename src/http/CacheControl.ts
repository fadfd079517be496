/**
 * The `Cache-Control` of a request (RFC 9111 section 5.2.1, RFC 5861 section 4), read into what the reader
 * accepts. `Pragma: no-cache` counts when there is no `Cache-Control` (section 5.4).
 *
 * A directive that requests do not have is ignored, as the RFC wants it. One that they do have and that is not
 * well-formed is an error: the RFC leaves open what becomes of it, and a limit that silently does not hold
 * would be the worst answer. Of the same directive given twice the stricter one holds.
 */
import * as Result from "effect/Result"
import type { Freshness } from "../core/Freshness.ts"
import { InvalidRequest } from "./api/Problems.ts"

export interface Headers {
  readonly "cache-control"?: string
  readonly pragma?: string
}

const TOKEN = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`
const DIRECTIVE = String.raw`${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?`
const LIST = new RegExp(String.raw`^[\t ,]*(?:${DIRECTIVE}(?:[\t ]*,[\t ,]*${DIRECTIVE})*[\t ,]*)?$`)
const EACH_DIRECTIVE = new RegExp(String.raw`(${TOKEN})(?:=(?:(${TOKEN})|(${QUOTED})))?`, "g")

/** Larger counts mean this one (RFC 9111 section 1.2.2). Seconds. */
const MAX_SECONDS = 2 ** 31
const MILLIS_PER_SECOND = 1_000
const MAX_RECEIVED = 100

type Read = Result.Result<Freshness, string>

const stricter = {
  least: (one: number | undefined, other: number): number => Math.min(one ?? Infinity, other),
  most: (one: number | undefined, other: number): number => Math.max(one ?? 0, other),
}

const flag =
  (name: "noCache" | "noStore" | "onlyIfCached") =>
  (so: Freshness, argument: string | undefined): Read =>
    argument === undefined ? Result.succeed({ ...so, [name]: true }) : Result.fail("takes no value")

const seconds =
  (
    name: "maxAgeMillis" | "minFreshMillis" | "maxStaleMillis" | "staleIfErrorMillis",
    choose: (one: number | undefined, other: number) => number,
  ) =>
  (so: Freshness, argument: string | undefined): Read =>
    argument !== undefined && /^\d+$/.test(argument)
      ? Result.succeed({
          ...so,
          [name]: choose(so[name], Math.min(Number(argument), MAX_SECONDS) * MILLIS_PER_SECOND),
        })
      : Result.fail("must be a whole number of seconds")

const maxStale = seconds("maxStaleMillis", stricter.least)

const directives: ReadonlyMap<string, (so: Freshness, argument: string | undefined) => Read> = new Map([
  ["no-cache", flag("noCache")],
  ["no-store", flag("noStore")],
  ["only-if-cached", flag("onlyIfCached")],
  ["max-age", seconds("maxAgeMillis", stricter.least)],
  ["min-fresh", seconds("minFreshMillis", stricter.most)],
  [
    "max-stale",
    (so, argument) =>
      argument === undefined
        ? Result.succeed({ ...so, maxStaleMillis: stricter.least(so.maxStaleMillis, Infinity) })
        : maxStale(so, argument),
  ],
  ["stale-if-error", seconds("staleIfErrorMillis", stricter.least)],
])

const invalid = (parameter: string, received: string, detail: string) =>
  new InvalidRequest({ parameter, received: received.slice(0, MAX_RECEIVED), detail })

const unquote = (quoted: string): string => quoted.slice(1, -1).replace(/\\(.)/g, "$1")

const parse = (header: string): Result.Result<Freshness, InvalidRequest> => {
  if (!LIST.test(header)) {
    return Result.fail(
      invalid("Cache-Control", header, "Cache-Control must be directives separated by commas"),
    )
  }
  let freshness: Freshness = {}
  for (const [whole, name = "", token, quoted] of header.matchAll(EACH_DIRECTIVE)) {
    const directive = directives.get(name.toLowerCase())
    if (directive === undefined) continue
    const read = directive(freshness, quoted === undefined ? token : unquote(quoted))
    if (Result.isFailure(read)) {
      return Result.fail(
        invalid("Cache-Control", whole, `${name} in Cache-Control ${read.failure}: received ${whole}`),
      )
    }
    freshness = read.success
  }
  return Result.succeed(freshness)
}

const PRAGMA_NO_CACHE = /(?:^|,)[\t ]*no-cache[\t ]*(?:,|$)/i

/** What the reader accepts; nothing when the headers do not say. */
export const freshnessOf = (headers: Headers): Result.Result<Freshness | undefined, InvalidRequest> => {
  const header = headers["cache-control"]
  if (header !== undefined) return parse(header)
  const isPragma = headers.pragma !== undefined && PRAGMA_NO_CACHE.test(headers.pragma)
  return Result.succeed(isPragma ? { noCache: true } : undefined)
}
