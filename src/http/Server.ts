/** The HTTP server: the contract's routes, its pages, and what stands before them. */
import { createServer, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSwagger from "effect/http-api/HttpApiSwagger"
import * as HttpRouter from "effect/http/HttpRouter"
import { Api } from "./api/Api.ts"
import { MAX_KEY_BYTES } from "./api/Fields.ts"
import * as EntriesHandlers from "./EntriesHandlers.ts"
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

const routes = (options: Options) =>
  Layer.mergeAll(
    HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide([EntriesHandlers.layer(options), OperationsHandlers.layer]),
      Layer.provide(SchemaProblems.layer),
    ),
    HttpApiSwagger.layer(Api, { path: "/docs" }),
    ProblemPages.layer,
    Metrics.layer,
    Front.layer(options),
  )

const REFUSALS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** What cannot be read as HTTP gets a problem, too, and no second request on that connection. */
const refuse = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy()
    return
  }
  const status = REFUSALS[error.code ?? ""] ?? 400
  const title = STATUS_CODES[status] ?? "Bad Request"
  const body = JSON.stringify({ type: "about:blank", status, title })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const listen = () =>
  createServer({ ServerResponse: OneWrite, maxHeaderSize: MAX_HEADER_BYTES }).on("clientError", refuse)

/** Listens, and serves until the scope ends; then requests in flight are finished. */
export const layer = (options: Options) =>
  HttpRouter.serve(routes(options), { disableLogger: true, disableListenLog: true, routerConfig }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(listen, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: DRAIN,
      }),
    ),
  )
