/**
 * What stands before the routes, as one global middleware.
 *
 * In order: the plain hit is answered (`HotPath.ts`); a malformed path is refused and a key brought into the
 * one spelling that the router reads as it is meant; OPTIONS is answered from the contract. And behind the
 * routes: a path or method that the contract does not know becomes a 404 or a 405 with `Allow`, and a defect
 * a 500 with an id that is also in the log.
 */
import { IncomingMessage, ServerResponse } from "node:http"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Cache } from "../cache/Cache.ts"
import { keyFault } from "./api/Fields.ts"
import * as Problems from "./api/Problems.ts"
import * as AccessLog from "./AccessLog.ts"
import * as Caller from "./Caller.ts"
import * as Gate from "./Gate.ts"
import * as HotPath from "./HotPath.ts"
import * as InFlight from "./InFlight.ts"
import { OneWrite } from "./OneWrite.ts"
import * as Order from "./Order.ts"
import * as Routes from "./Routes.ts"
import { Secrets } from "./Secrets.ts"
import * as Traffic from "./Traffic.ts"
import * as ValueReply from "./ValueReply.ts"

const ENTRIES = "/entries/"

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
const route = <E, R>(app: App<E, R>, request: HttpServerRequest.HttpServerRequest): App<E, R> => {
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
  if (!path.startsWith(ENTRIES)) return app
  const raw = path.slice(ENTRIES.length).split("/", 1)[0] ?? ""
  const rest = request.url.slice(ENTRIES.length + raw.length)
  const key = canonical(raw, rest)
  if (key._tag === "Fault") return invalidPath(raw, key.fault)
  return key.url === request.url
    ? app
    : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url: key.url }))
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

const REFUSED_LATE = JSON.stringify({
  type: "/docs/problems/request-timeout",
  status: 503,
  title: "The request took longer than it may",
  detail: "what it was to do may have happened, may happen yet, or never",
})

/** Answers a request that has taken too long, and ends its connection: the rest of its body may never come. */
const refuseLate = (response: ServerResponse): void => {
  response.writeHead(503, {
    "content-type": "application/problem+json",
    "content-length": String(REFUSED_LATE.length),
    "retry-after": Problems.RETRY_AFTER,
    connection: "close",
  })
  response.end(REFUSED_LATE)
}

/** Looks for requests that have taken too long so many times in the time that they may take, within bounds. */
const LOOKS = 10
const MIN_LOOK_MILLIS = 10
const MAX_LOOK_MILLIS = 1_000

const overloaded = (max: number) =>
  Effect.map(
    problem(new Problems.Overloaded({ max, detail: `${max} requests are under way` })),
    HttpServerResponse.setHeader("retry-after", Problems.RETRY_AFTER),
  )

export interface Options extends Gate.Options, ValueReply.Options {
  /** `false` leaves every request to the contract: for the test that compares the two. */
  readonly hotPath?: boolean
  /** Requests under way, streams and plain hits aside. */
  readonly maxConcurrent?: number
  /** From the head of a request to the end of its reply, streams aside. */
  readonly requestTimeoutMillis?: number
  /** Where the access log goes; absent: there is none. */
  readonly accessLog?: AccessLog.Output
}

const DEFAULT_MAX_CONCURRENT = 10_000
const DEFAULT_TIMEOUT_MILLIS = 30_000

const NANOS_PER_MILLI = 1e6

/** The reply has left already; the platform sends nothing more on a response that has ended. */
const SENT = Exit.succeed(HttpServerResponse.empty())

/** A request as the platform and as Node have it. */
interface Exchange {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly source: IncomingMessage
  readonly response: ServerResponse
}

const exchangeOf = (context: Context.Context<never>): Exchange => {
  const request = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
  const source = NodeHttpServerRequest.toIncomingMessage(request)
  const response = NodeHttpServerRequest.toServerResponse(request)
  if (source instanceof IncomingMessage && response instanceof ServerResponse) {
    return { request, source, response }
  }
  // This server speaks HTTP/1.1 only, so there is no other kind.
  throw new TypeError("not a request of node:http")
}

const sentBy = (response: ServerResponse): number => (response instanceof OneWrite ? response.sent : 0)

/** What a request that its client gave up is counted as: nobody got the status. */
const CLIENT_CLOSED = 499

const make = (options: Options) =>
  Effect.gen(function* () {
    const cache = yield* Cache
    const clock = yield* Clock.Clock
    const secrets = yield* Secrets
    const terms = ValueReply.termsOf(clock, options)
    const log = options.accessLog === undefined ? undefined : yield* AccessLog.make(options.accessLog)
    const timeoutMillis = options.requestTimeoutMillis ?? DEFAULT_TIMEOUT_MILLIS
    const inFlight = InFlight.make(options.maxConcurrent ?? DEFAULT_MAX_CONCURRENT, timeoutMillis)
    const nowNanos = () => Number(clock.monotonicTimeNanosUnsafe())
    const lookMillis = Math.min(MAX_LOOK_MILLIS, Math.max(MIN_LOOK_MILLIS, timeoutMillis / LOOKS))
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.delay(
          Effect.sync(() => inFlight.expire(nowNanos() / NANOS_PER_MILLI, refuseLate)),
          lookMillis,
        ),
      ),
    )
    const traffic = yield* Traffic.make(() => clock.currentTimeMillisUnsafe(), log)
    return {
      gate: Gate.make(options, secrets.tokens, secrets.isTls),
      hot: options.hotPath ?? true,
      inFlight,
      nowNanos,
      order: Order.make(),
      sources: { peek: cache.peek, terms },
      traffic,
      reads: traffic.series("GET", HotPath.ROUTE),
    }
  })

type Parts = Effect.Success<ReturnType<typeof make>>

/** Writes the reply of the hot path. */
const sendHot = (
  { inFlight, nowNanos, reads, traffic }: Parts,
  { response, source }: Exchange,
  reply: ValueReply.ValueReply,
  caller: Caller.Identity,
  startNanos: number,
) => {
  HotPath.write(response, reply)
  const endNanos = nowNanos()
  traffic.observe(reads, {
    status: reply.status,
    nanos: endNanos - startNanos,
    bytes: sentBy(response),
    caller: caller.name,
  })
  // More than the kernel takes at once: the client must not take forever to read it.
  if (response.writableLength > 0) {
    inFlight.add({ response, source }, endNanos / NANOS_PER_MILLI)
    response.once("close", () => inFlight.remove(response))
  }
  return SENT
}

/** Who was answered before their body was whole must not take forever over the rest of it either. */
const awaitRest = (inFlight: InFlight.InFlight, { response, source }: Exchange, nowMillis: number): void => {
  inFlight.add({ response, source }, nowMillis)
  source.once("close", () => inFlight.remove(response))
}

/** Counts the reply once it is out, and keeps the request among those under way until then. */
const track = (
  { inFlight, nowNanos, traffic }: Parts,
  exchange: Exchange & { readonly fiber: Fiber.Fiber<unknown, unknown> },
  caller: Caller.Identity,
  startNanos: number,
): { readonly isStream: boolean; readonly isProbe: boolean } => {
  const { request, response, source } = exchange
  const path = Routes.pathOf(request.url)
  const known = Routes.match(path)
  const isStream = known?.streams.has(request.method) ?? false
  const isProbe = known?.probe ?? false
  response.setHeader("x-content-type-options", "nosniff")
  if (!isStream && !isProbe) inFlight.add(exchange, startNanos / NANOS_PER_MILLI)
  response.once("close", () => {
    if (source.complete || source.destroyed) inFlight.remove(response)
    else awaitRest(inFlight, exchange, nowNanos() / NANOS_PER_MILLI)
    traffic.observe(traffic.series(request.method, known?.pattern ?? Traffic.NO_ROUTE), {
      status: response.headersSent ? response.statusCode : CLIENT_CLOSED,
      nanos: isStream ? undefined : nowNanos() - startNanos,
      bytes: sentBy(response),
      caller: caller.name,
    })
  })
  return { isStream, isProbe }
}

export const layer = (options: Options) =>
  HttpRouter.middleware(
    Effect.gen(function* () {
      const parts = yield* make(options)
      const { gate, hot, inFlight, nowNanos, order, sources } = parts
      return (app) =>
        Effect.withFiber((fiber) => {
          const exchange = exchangeOf(fiber.context)
          const { source } = exchange
          const connection = source.socket
          const startNanos = nowNanos()
          const { caller, reply } = gate.enter(source, exchange.response, startNanos / NANOS_PER_MILLI)
          if (hot && reply === undefined && !order.mustWait(connection)) {
            const hit = HotPath.answer(sources, source, caller)
            if (hit !== undefined) return sendHot(parts, exchange, hit, caller, startNanos)
          }
          const isFull = inFlight.isFull()
          const url = Gate.originForm(exchange.request.url)
          const request = url === exchange.request.url ? exchange.request : exchange.request.modify({ url })
          const { isProbe, isStream } = track(parts, { ...exchange, request, fiber }, caller, startNanos)
          if (reply !== undefined) return reply
          if (isFull && !isProbe && !isStream) return overloaded(inFlight.max)
          return order.inOrder(
            connection,
            request.method,
            Effect.provideService(guarded(app, request), Caller.Caller, caller),
          )
        })
    }),
    { global: true },
  )
