/**
 * What stands before the routes, as one global middleware: the gate (`Gate.ts`) says who asks, the plain hit is
 * answered (`HotPath.ts`), and all else goes on to the contract (`Dispatch.ts`), in order, counted, and with a deadline.
 */
import { IncomingMessage, ServerResponse } from "node:http"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Cache } from "../cache/Cache.ts"
import * as Problems from "./api/Problems.ts"
import * as AccessLog from "./AccessLog.ts"
import * as Caller from "./Caller.ts"
import * as Dispatch from "./Dispatch.ts"
import * as Gate from "./Gate.ts"
import * as HotPath from "./HotPath.ts"
import * as InFlight from "./InFlight.ts"
import { OneWrite } from "./OneWrite.ts"
import * as Order from "./Order.ts"
import * as Routes from "./Routes.ts"
import { Secrets } from "./Secrets.ts"
import * as Traffic from "./Traffic.ts"
import * as ValueReply from "./ValueReply.ts"

/** Looks for requests that have taken too long so many times in the time that they may take, within bounds. */
const LOOKS = 10
const MIN_LOOK_MILLIS = 10
const MAX_LOOK_MILLIS = 1_000

const overloaded = (max: number) =>
  Effect.map(
    Dispatch.problem(new Problems.Overloaded({ max, detail: `${max} requests are under way` })),
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
          Effect.sync(() => inFlight.expire(nowNanos() / NANOS_PER_MILLI)),
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
          const dispatched = Dispatch.guarded(app, request, exchange.request.url)
          return order.inOrder(
            connection,
            request.method,
            Effect.provideService(dispatched, Caller.Caller, caller),
          )
        })
    }),
    { global: true },
  )
