/**
 * What becomes of a request behind the gate. A malformed path is refused, and a key brought into the one spelling that
 * the router reads as it is meant; OPTIONS is answered from the contract. And behind the routes: a path or method that
 * the contract does not know becomes a 404 or a 405 with `Allow`, and a defect a 500 with an id that is also in the log.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { keyFault } from "./api/Fields.ts"
import * as Problems from "./api/Problems.ts"
import * as Routes from "./Routes.ts"

const ENTRIES = "/entries/"

/** A problem as a response. */
export const problem = (error: HttpServerRespondable.Respondable) => HttpServerRespondable.toResponse(error)

const invalidPath = (raw: string, fault: string) =>
  problem(
    new Problems.InvalidRequest({
      parameter: "key",
      received: raw.slice(0, 100),
      detail: `the key in the path ${fault}`,
    }),
  )

type Key = { readonly _tag: "Key"; readonly url: string } | { readonly _tag: "Fault"; readonly fault: string }

/** A key in the one spelling that the router decodes to the same key. */
const canonical = (raw: string, rest: string): Key => {
  if (/[^\x21-\x7e]/.test(raw)) return { _tag: "Fault", fault: "must be percent-encoded" }
  let key: string
  try {
    key = decodeURIComponent(raw)
  } catch {
    return { _tag: "Fault", fault: "must be valid percent-encoded UTF-8" }
  }
  const fault = keyFault(key)
  return fault === undefined
    ? { _tag: "Key", url: ENTRIES + encodeURIComponent(key) + rest }
    : { _tag: "Fault", fault }
}

export type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** What is wrong with a request before its path matters. */
const faultOf = (
  request: HttpServerRequest.HttpServerRequest,
  url: string,
): Problems.InvalidRequest | undefined => {
  if (request.headers["host"] === undefined) {
    return new Problems.InvalidRequest({ parameter: "Host", detail: "the Host header is missing" })
  }
  const query = url.indexOf("?")
  if (query < 0) return undefined
  try {
    decodeURIComponent(url.slice(query))
    return undefined
  } catch {
    return new Problems.InvalidRequest({
      parameter: "query",
      received: url.slice(query, query + 100),
      detail: "the query must be valid percent-encoded UTF-8",
    })
  }
}

const notFound = (request: HttpServerRequest.HttpServerRequest) => {
  const path = Routes.pathOf(request.url)
  const allow = Routes.match(path)?.allow
  if (allow === undefined) return problem(new Problems.PathNotFound({ instance: path.slice(0, 200) }))
  return Effect.map(
    problem(new Problems.MethodNotAllowed({ allow, detail: `${request.method} is not among them` })),
    HttpServerResponse.setHeader("allow", allow.join(", ")),
  )
}

/** RFC 9110 section 9.3.7: `OPTIONS *` asks about the server as a whole. */
const EVERY_METHOD = [...Routes.METHODS].toSorted().join(", ")

/** The routes, for a request whose path is as it should be. */
const route = <E, R>(
  app: App<E, R>,
  request: HttpServerRequest.HttpServerRequest,
  received: string,
): App<E, R> => {
  /** The routes read the URL of the request in the context. */
  const handOn = (url: string): App<E, R> =>
    url === received
      ? app
      : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url }))
  const path = Routes.pathOf(request.url)
  const fault = faultOf(request, request.url)
  if (fault !== undefined) return problem(fault)
  const known = Routes.match(path)
  if (request.method === "OPTIONS" && path === "*") {
    return Effect.succeed(HttpServerResponse.empty({ status: 204, headers: { allow: EVERY_METHOD } }))
  }
  // A path outside the contract and its pages is not handed on: what somebody adds there has no rules yet.
  if (known === undefined && path !== ENTRIES) return notFound(request)
  if (request.method === "OPTIONS" && known !== undefined) {
    const headers = { allow: known.allow.join(", ") }
    return Effect.succeed(HttpServerResponse.empty({ status: 204, headers }))
  }
  if (!path.startsWith(ENTRIES)) return handOn(request.url)
  const raw = path.slice(ENTRIES.length).split("/", 1)[0] ?? ""
  const key = canonical(raw, request.url.slice(ENTRIES.length + raw.length))
  if (key._tag === "Fault") return invalidPath(raw, key.fault)
  return handOn(key.url)
}

const isRouteNotFound = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

const MAX_ID = Number.MAX_SAFE_INTEGER

/** What is left is a defect: an opaque id for the client, the cause for the log. */
const internalError = (cause: Cause.Cause<unknown>) =>
  Effect.gen(function* () {
    const id = (yield* Random.nextIntBetween(0, MAX_ID)).toString(36)
    yield* Effect.annotateLogs(Effect.logError("request failed", cause), "id", id)
    return yield* problem(new Problems.InternalError({ id }))
  })

/**
 * The app behind the rules of paths; whatever goes wrong in it becomes a reply. `received`: the target as it came,
 * where that of `request` is in origin-form.
 */
export const guarded = <E, R>(
  app: App<E, R>,
  request: HttpServerRequest.HttpServerRequest,
  received: string,
): App<E, R> =>
  Effect.catchCause(route(app, request, received), (cause) => {
    if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
    const error = Cause.squash(cause)
    return isRouteNotFound(error) ? notFound(request) : internalError(cause)
  })
