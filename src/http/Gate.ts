/**
 * What every request passes before anybody looks at what it asks for: plain functions, the same for the hot path and
 * the contract. It tells who asks, and sets the headers that a reply carries whoever gives it.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as TokenBucket from "../core/TokenBucket.ts"
import * as Problems from "./api/Problems.ts"
import * as Caller from "./Caller.ts"
import * as Cors from "./Cors.ts"
import * as LocalOnly from "./LocalOnly.ts"
import * as RateLimit from "./RateLimit.ts"
import * as Routes from "./Routes.ts"
import * as Tokens from "./Tokens.ts"

export interface Options {
  /** Refuses what does not come from this machine, while there are no tokens. Default off. */
  readonly localOnly?: boolean
  readonly corsOrigins?: Cors.Origins
  readonly rateLimit?: TokenBucket.Policy
}

/** Who asks, and the reply when the request ends here. */
export interface Entered {
  readonly caller: Caller.Identity
  readonly reply?: Effect.Effect<HttpServerResponse.HttpServerResponse>
}

/** A key takes 3,072 characters at most; the rest is for queries. */
const MAX_URL_LENGTH = 8_192

const HSTS = "max-age=31536000"

/** RFC 9112 section 3.2.2: a target with scheme and authority, as sent to proxies. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i

/** The target in origin-form. */
export const originForm = (url: string): string => {
  const absolute = ABSOLUTE.exec(url)
  if (absolute === null) return url
  const rest = url.slice(absolute[0].length)
  return rest.startsWith("/") ? rest : `/${rest}`
}

/** Names of headers alternate with their values. */
const countHosts = (raw: ReadonlyArray<string>): number => {
  let count = 0
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]?.length === 4 && raw[index]?.toLowerCase() === "host") count++
  }
  return count
}

const malformed = (source: IncomingMessage) => {
  const url = source.url ?? ""
  if (url.length > MAX_URL_LENGTH) {
    return new Problems.UriTooLong({
      maxLength: MAX_URL_LENGTH,
      detail: `path and query must have at most ${MAX_URL_LENGTH} characters: received ${url.length}`,
    })
  }
  if (countHosts(source.rawHeaders) > 1) {
    return new Problems.InvalidRequest({ parameter: "Host", detail: "the Host header is there twice" })
  }
  return undefined
}

const respond = (problem: HttpServerRespondable.Respondable) => HttpServerRespondable.toResponse(problem)

export interface Gate {
  readonly enter: (source: IncomingMessage, response: ServerResponse, nowMillis: number) => Entered
}

export const make = (options: Options, tokens: () => Option.Option<Tokens.Tokens>, isTls: boolean): Gate => {
  const { corsOrigins, localOnly = false } = options
  const limit = options.rateLimit === undefined ? undefined : RateLimit.make(options.rateLimit)
  const mayCross = (origin: string) => Cors.allows(corsOrigins, origin)

  const limited = (
    caller: Caller.Identity,
    source: IncomingMessage,
    response: ServerResponse,
    now: number,
  ) => {
    if (limit === undefined || Routes.isProbe(Routes.pathOf(source.url ?? ""))) return undefined
    const who =
      caller.token === "known" ? `token ${caller.name}` : RateLimit.clientOf(source.socket.remoteAddress)
    const { allowed, rateLimit, retryAfter } = limit.take(who, now)
    response.setHeader("ratelimit-policy", limit.policy)
    response.setHeader("ratelimit", rateLimit)
    if (allowed) return undefined
    response.setHeader("retry-after", retryAfter)
    return respond(new Problems.RateLimited({ detail: `try again in ${retryAfter} s` }))
  }

  const foreign = ({ headers, url }: IncomingMessage) =>
    localOnly
      ? LocalOnly.fault(ABSOLUTE.exec(url ?? "")?.[1] ?? headers.host, headers.origin, mayCross)
      : undefined

  const preflight = (source: IncomingMessage) => {
    if (!Cors.isPreflight(corsOrigins, source)) return undefined
    const allow = Routes.match(Routes.pathOf(source.url ?? ""))?.allow
    if (allow === undefined) return undefined
    const headers = { allow: allow.join(", "), ...Cors.preflight(allow) }
    return Effect.succeed(HttpServerResponse.empty({ status: 204, headers }))
  }

  return {
    enter: (source, response, nowMillis) => {
      // Node reads no request after one that asks for another protocol, though it is answered as if it did not.
      if (source.headers.upgrade !== undefined) response.shouldKeepAlive = false
      if (isTls) response.setHeader("strict-transport-security", HSTS)
      if (corsOrigins !== undefined) Cors.annotate(corsOrigins, source, response)
      const fault = malformed(source) ?? foreign(source)
      if (fault !== undefined) return { caller: Caller.missing, reply: respond(fault) }
      const answer = preflight(source)
      if (answer !== undefined) return { caller: Caller.missing, reply: answer }
      const caller = Tokens.identify(tokens(), source.headers.authorization)
      const reply = limited(caller, source, response, nowMillis)
      return reply === undefined ? { caller } : { caller, reply }
    },
  }
}
