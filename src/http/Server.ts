/** The HTTP server: the contract's routes, its pages, and what stands before them. */
import { createServer, type Server as HttpServerOfNode, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSwagger from "effect/http-api/HttpApiSwagger"
import * as HttpRouter from "effect/http/HttpRouter"
import { Changes } from "../cache/Changes.ts"
import { Api } from "./api/Api.ts"
import { MAX_KEY_BYTES } from "./api/Fields.ts"
import * as EntriesHandlers from "./EntriesHandlers.ts"
import * as EventsHandlers from "./EventsHandlers.ts"
import * as ExplainHandlers from "./ExplainHandlers.ts"
import * as Front from "./Front.ts"
import * as Metrics from "./Metrics.ts"
import { OneWrite } from "./OneWrite.ts"
import * as OperationsHandlers from "./OperationsHandlers.ts"
import * as ProblemPages from "./ProblemPages.ts"
import * as SchemaProblems from "./SchemaProblems.ts"

export interface Options extends EntriesHandlers.Options {
  /** Off in the test that compares replies with and without it. Default on. */
  readonly hotPath?: boolean
  readonly host: string
  /** 0: a free one. */
  readonly port: number
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

/** Swagger UI is two megabytes that most processes never show: it is loaded when somebody asks for it. */
const docs = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const page = yield* Effect.cached(HttpRouter.toHttpEffect(HttpApiSwagger.layer(Api, { path: "/docs" })))
    yield* router.add("GET", "/docs", Effect.flatten(page))
  }),
)

const routes = (options: Options) =>
  Layer.mergeAll(
    HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide([
        EntriesHandlers.layer(options),
        EventsHandlers.layer,
        ExplainHandlers.layer,
        OperationsHandlers.layer,
      ]),
      Layer.provide(SchemaProblems.layer),
    ),
    docs,
    ProblemPages.layer,
    Metrics.layer,
    Front.layer(options),
  )

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

/** Node answers some requests itself, without a body; here each gets a problem. */
const listen = () =>
  createServer({ ServerResponse: OneWrite, maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false })
    .on("clientError", refuse)
    .on("checkExpectation", (request) => request.socket.end(refusal(EXPECTATION_FAILED)))
    .on("connect", (_request, socket) => socket.end(refusal(METHOD_NOT_ALLOWED)))

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
    Effect.sync(() => {
      const server = listen()
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
      return Layer.provideMerge(letGo(server), serve)
    }),
  )
