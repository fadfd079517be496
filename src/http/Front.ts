/**
 * What stands before the routes, as one global middleware.
 *
 * In order: the plain hit is answered (`HotPath.ts`); a malformed path is refused and a key brought into the
 * one spelling that the router reads as it is meant; OPTIONS is answered from the contract. And behind the
 * routes: a path or method that the contract does not know becomes a 404 or a 405 with `Allow`, and a defect
 * a 500 with an id that is also in the log.
 */
import { ServerResponse } from "node:http"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Cache } from "../cache/Cache.ts"
import { Api } from "./api/Api.ts"
import { keyFault } from "./api/Fields.ts"
import * as Problems from "./api/Problems.ts"
import * as HotPath from "./HotPath.ts"
import * as ValueReply from "./ValueReply.ts"

const ENTRIES = "/entries/"

/** Paths outside the contract, all read only. */
const PAGES: ReadonlyArray<string> = ["/docs", "/openapi.json", Problems.PATH]

interface Route {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/** Which methods each path takes: from the contract, so it cannot be forgotten here. */
const routes: ReadonlyArray<Route> = (() => {
  const byPath = new Map<string, Set<string>>()
  const add = (path: string, method: string) => byPath.set(path, (byPath.get(path) ?? new Set()).add(method))
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => add(endpoint.path, endpoint.method),
  })
  for (const path of PAGES) add(path, "GET")
  return Array.from(byPath, ([path, methods]) => {
    if (methods.has("GET")) methods.add("HEAD")
    methods.add("OPTIONS")
    return { pattern: new RegExp(`^${path.replace(/:[a-z]+/g, "[^/]+")}$`), methods }
  })
})()

const allowOf = (path: string): ReadonlyArray<string> | undefined => {
  const route = routes.find(({ pattern }) => pattern.test(path))
  return route === undefined ? undefined : [...route.methods].toSorted()
}

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? url

const problem = (error: HttpServerRespondable.Respondable) => HttpServerRespondable.toResponse(error)

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

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

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

/** The routes, for a request whose path is as it should be. */
const route = <E, R>(app: App<E, R>, request: HttpServerRequest.HttpServerRequest): App<E, R> => {
  const path = pathOf(request.url)
  const fault = faultOf(request, request.url)
  if (fault !== undefined) return problem(fault)
  if (request.method === "OPTIONS") {
    const allow = allowOf(path)
    if (allow !== undefined) {
      return Effect.succeed(HttpServerResponse.empty({ status: 204, headers: { allow: allow.join(", ") } }))
    }
  }
  if (!path.startsWith(ENTRIES)) return app
  const raw = path.slice(ENTRIES.length).split("/", 1)[0] ?? ""
  const rest = request.url.slice(ENTRIES.length + raw.length)
  if (rest.startsWith("/") && allowOf(path) === undefined) return app
  const key = canonical(raw, rest)
  if (key._tag === "Fault") return invalidPath(raw, key.fault)
  return key.url === request.url
    ? app
    : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url: key.url }))
}

const notFound = (request: HttpServerRequest.HttpServerRequest) => {
  const path = pathOf(request.url)
  const allow = allowOf(path)
  if (allow === undefined) return problem(new Problems.PathNotFound({ instance: path.slice(0, 200) }))
  return Effect.map(
    problem(new Problems.MethodNotAllowed({ allow, detail: `${request.method} is not among them` })),
    HttpServerResponse.setHeader("allow", allow.join(", ")),
  )
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

const guarded = <E, R>(app: App<E, R>, request: HttpServerRequest.HttpServerRequest): App<E, R> =>
  Effect.catchCause(route(app, request), (cause) => {
    if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
    const error = Cause.squash(cause)
    return isRouteNotFound(error) ? notFound(request) : internalError(cause)
  })

/** The reply has left already; the platform sends nothing more on a response that has ended. */
const SENT = Exit.succeed(HttpServerResponse.empty())

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/**
 * Requests that a client sends without waiting for replies must seem to be done in order (RFC 9112 section
 * 9.3.2): while one that may change something is under way, what follows on its connection waits for it.
 */
const makeOrder = () => {
  const changing = new WeakMap<object, Latch.Latch>()
  return {
    mustWait: (connection: object): boolean => changing.has(connection),
    inOrder: <E, R>(connection: object, method: string, app: App<E, R>): App<E, R> => {
      const before = changing.get(connection)
      const waited = before === undefined ? app : Effect.andThen(before.await, app)
      if (SAFE_METHODS.has(method)) return waited
      const done = Latch.makeUnsafe(false)
      changing.set(connection, done)
      return Effect.ensuring(
        waited,
        Effect.sync(() => {
          if (changing.get(connection) === done) changing.delete(connection)
          done.openUnsafe()
        }),
      )
    },
  }
}

/** `hotPath: false` leaves every request to the contract: for the test that compares the two. */
export const layer = (options?: ValueReply.Options & { readonly hotPath?: boolean }) =>
  HttpRouter.middleware(
    Effect.gen(function* () {
      const cache = yield* Cache
      const clock = yield* Clock.Clock
      const sources = { peek: cache.peek, terms: ValueReply.termsOf(clock, options ?? {}) }
      const hot = options?.hotPath ?? true
      const order = makeOrder()
      return (app) =>
        Effect.withFiber((fiber) => {
          const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
          const source = NodeHttpServerRequest.toIncomingMessage(request)
          const connection = source.socket
          const reply = hot && !order.mustWait(connection) ? HotPath.answer(sources, source) : undefined
          if (reply === undefined) return order.inOrder(connection, request.method, guarded(app, request))
          const response = NodeHttpServerRequest.toServerResponse(request)
          if (!(response instanceof ServerResponse)) return Exit.succeed(ValueReply.toResponse(reply))
          HotPath.write(response, reply)
          return SENT
        })
    }),
    { global: true },
  )
