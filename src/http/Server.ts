/** The HTTP server: the contract's routes, its pages, and what stands before them. */
import { createServer, type Server as HttpServerOfNode, STATUS_CODES } from "node:http"
import { createServer as createSecureServer, Server as SecureServer } from "node:https"
import type { Duplex } from "node:stream"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import { Changes } from "../cache/Changes.ts"
import { Api, withTokens } from "./api/Api.ts"
import { MAX_KEY_BYTES } from "./api/Fields.ts"
import * as Described from "./Described.ts"
import * as EntriesHandlers from "./EntriesHandlers.ts"
import * as EventsHandlers from "./EventsHandlers.ts"
import * as ExplainHandlers from "./ExplainHandlers.ts"
import * as Front from "./Front.ts"
import * as Metrics from "./Metrics.ts"
import { OneWrite } from "./OneWrite.ts"
import * as OperationsHandlers from "./OperationsHandlers.ts"
import * as Pages from "./Pages.ts"
import * as Permission from "./Permission.ts"
import * as ProblemPages from "./ProblemPages.ts"
import * as SchemaProblems from "./SchemaProblems.ts"
import * as Secrets from "./Secrets.ts"

export interface Options
  extends Omit<EntriesHandlers.Options, "describe">, Omit<Front.Options, "describe">, Secrets.Options {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** Connections at the same time; more are closed at once. Default 10,000. */
  readonly maxConnections?: number
  /** Of how many values the entity tag and the media type are remembered. Default 65,536. */
  readonly remembered?: number
  /** Calls the function whenever tokens and certificate shall be read again. */
  readonly onReload?: (reload: () => void) => void
}

/** A byte of UTF-8 takes three characters of a URL at most. */
const MAX_PARAMETER_LENGTH = 3 * MAX_KEY_BYTES

const MAX_HEADER_BYTES = 16_384
const DRAIN = "5 seconds"

/** Paths are taken as they are written: `/Entries`, `//entries` and `/entries/` are other paths. */
const routerConfig = {
  maxParamLength: MAX_PARAMETER_LENGTH,
  caseSensitive: true,
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
}

const routes = (given: Options) => {
  const options = { ...given, describe: Described.make(given.remembered) }
  const documented = options.tokensFile === undefined ? Api : withTokens
  return Layer.mergeAll(
    HttpApiBuilder.layer(documented, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide([
        EntriesHandlers.layer(options),
        EventsHandlers.layer,
        ExplainHandlers.layer,
        OperationsHandlers.layer,
      ]),
      Layer.provide([SchemaProblems.layer, Permission.layer]),
    ),
    Pages.docs(documented),
    ProblemPages.layer,
    Metrics.layer,
    Front.layer(options),
  )
}

const REFUSALS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** A problem for what never becomes a request, and no second request on that connection. */
const refusal = (status: number): string => {
  const title = STATUS_CODES[status] ?? "Bad Request"
  const body = JSON.stringify({ type: "about:blank", status, title })
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "Content-Type: application/problem+json",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ]
  return `${head.join("\r\n")}\r\n\r\n${body}`
}

const refuse = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
  else socket.end(refusal(REFUSALS[error.code ?? ""] ?? 400))
}

const EXPECTATION_FAILED = 417
const METHOD_NOT_ALLOWED = 405

/** For the head of a request, and for the handshake before it: who is slower is cut off. */
const HEAD_MILLIS = 10_000

/** Longer than proxies and load balancers keep connections (60 s), so that they, who know, close them. */
const KEEP_ALIVE_MILLIS = 65_000

const CHECK_MILLIS = 1_000

const DEFAULT_MAX_CONNECTIONS = 10_000

const limitsOf = ({ requestTimeoutMillis = HEAD_MILLIS }: Options) => ({
  ServerResponse: OneWrite,
  maxHeaderSize: MAX_HEADER_BYTES,
  requireHostHeader: false,
  headersTimeout: Math.min(HEAD_MILLIS, requestTimeoutMillis),
  // Bodies have their deadline in `InFlight.ts`, which knows which of them are streams.
  requestTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_MILLIS,
  connectionsCheckingInterval: CHECK_MILLIS,
})

/** Node answers some requests itself, without a body; here each gets a problem. */
const listen = (certificate: Option.Option<Secrets.Certificate>, options: Options) => {
  const limits = limitsOf(options)
  const server = Option.match(certificate, {
    onNone: () => createServer(limits),
    onSome: (tls) => createSecureServer({ ...limits, ...tls, handshakeTimeout: HEAD_MILLIS }),
  })
  server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS
  return server
    .on("clientError", refuse)
    .on("checkExpectation", (request) => request.socket.end(refusal(EXPECTATION_FAILED)))
    .on("connect", (_request, socket) => socket.end(refusal(METHOD_NOT_ALLOWED)))
}

/** Reads tokens and certificate again; connections that are open keep the certificate that they have. */
const reloading = (server: HttpServerOfNode, options: Options) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      if (options.onReload === undefined) return
      const secrets = yield* Secrets.Secrets
      const reload = Effect.matchEffect(secrets.reload, {
        onFailure: (error) => Effect.logError(`${error.message}; what was loaded before stays in use`),
        onSuccess: () => {
          const certificate = secrets.certificate()
          if (server instanceof SecureServer && Option.isSome(certificate)) {
            server.setSecureContext(certificate.value)
          }
          return Effect.logInfo("tokens and certificate were read again")
        },
      })
      const fork = yield* FiberSet.makeRuntime<never>()
      options.onReload(() => void fork(reload))
    }),
  )

/** Nothing here speaks another protocol; a request to change it is answered as if it did not ask (RFC 9110, 7.8). */
const ignoreUpgrades = (server: HttpServerOfNode) =>
  Layer.effectDiscard(Effect.sync(() => server.removeAllListeners("upgrade")))

const LINGER_EVERY = "20 millis"

/**
 * What stopping would wait for without need: streams, which never end by themselves, and connections that
 * are kept alive after the reply that was in flight when the server closed.
 */
const letGo = (server: HttpServerOfNode) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { close } = yield* Changes
      const closeIdle = Effect.sync(() => server.closeIdleConnections())
      const untilClosed = Effect.callback<void>((resume) => {
        server.once("close", () => resume(Effect.void))
      })
      const lingering = Effect.race(Effect.forever(Effect.delay(closeIdle, LINGER_EVERY)), untilClosed)
      yield* Effect.addFinalizer(() => Effect.andThen(close, Effect.forkDetach(lingering)))
    }),
  )

/** Listens, and serves until the scope ends; then requests in flight are finished. */
export const layer = (options: Options) =>
  Layer.unwrap(
    Effect.map(Secrets.Secrets, (secrets) => {
      const server = listen(secrets.certificate(), options)
      const serve = HttpRouter.serve(routes(options), {
        disableLogger: true,
        disableListenLog: true,
        routerConfig,
      }).pipe(
        Layer.provideMerge(
          NodeHttpServer.layer(() => server, {
            host: options.host,
            port: options.port,
            gracefulShutdownTimeout: DRAIN,
          }),
        ),
      )
      // Built after what serves, so let go before it stops.
      return Layer.provideMerge(
        Layer.mergeAll(letGo(server), reloading(server, options), ignoreUpgrades(server)),
        serve,
      )
    }),
  ).pipe(Layer.provide(Secrets.layer(options)))
