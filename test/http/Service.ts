/** The whole service on a free port, and requests that go out exactly as they are written. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as HttpServer from "effect/http/HttpServer"
import * as Backup from "../../src/background/Backup.ts"
import * as Follow from "../../src/background/Follow.ts"
import * as Health from "../../src/background/Health.ts"
import * as Cache from "../../src/cache/Cache.ts"
import * as Listings from "../../src/cache/Listings.ts"
import * as Server from "../../src/http/Server.ts"
import type { Downstream } from "../../src/http/ValueReply.ts"
import type { Store } from "../../src/store/Store.ts"
import type { Tracker } from "../../src/store/Tracker.ts"
import * as TrackerNone from "../../src/store/TrackerNone.ts"

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** The body as text. */
  readonly text: string
}

export interface Outgoing {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

export class Service extends Context.Service<
  Service,
  {
    readonly url: string
    readonly port: number
    readonly send: (outgoing: Outgoing) => Effect.Effect<Reply>
  }
>()("test/Service") {}

const send =
  (port: number) =>
  ({ body, headers, method, path }: Outgoing): Effect.Effect<Reply> =>
    Effect.callback((resume) => {
      const request = httpRequest(
        { host: "127.0.0.1", port, path, method: method ?? "GET", headers },
        (response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () => {
            const bytes = Buffer.concat(chunks)
            resume(
              Effect.succeed({
                status: response.statusCode ?? 0,
                headers: response.headers,
                bytes,
                text: bytes.toString("utf8"),
              }),
            )
          })
        },
      )
      request.on("error", (error) => resume(Effect.die(error)))
      request.end(body)
    })

export const lifetime = { ttlMillis: 300_000, graceMillis: 3_600_000, negativeTtlMillis: 5_000, jitter: 0 }

export const MAX_VALUE_BYTES = 1_048_576

/** The service over a store. */
export const layer = <E, R>(
  store: Layer.Layer<Store | R, E>,
  options?: {
    readonly hotPath?: boolean
    readonly maxEntries?: number
    readonly requireConditions?: boolean
    readonly downstream?: Downstream
    /** Default: nothing is logged. */
    readonly logLevel?: LogLevel.LogLevel
    /** Tokens, limits and the like. */
    readonly server?: Partial<Server.Options>
    /** Default: nobody else writes. */
    readonly tracker?: Layer.Layer<Tracker>
  },
) =>
  Layer.effect(
    Service,
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const url = HttpServer.formatAddress(address)
      const port = Number(new URL(url).port)
      return Service.of({ url, port, send: send(port) })
    }),
  ).pipe(
    Layer.provide(
      Server.layer({
        host: "127.0.0.1",
        port: 0,
        maxValueBytes: MAX_VALUE_BYTES,
        hotPath: options?.hotPath ?? true,
        requireConditions: options?.requireConditions ?? false,
        ...(options?.downstream === undefined ? {} : { downstream: options.downstream }),
        ...options?.server,
      }),
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        Backup.layer({ every: "1 hour", lifetime }),
        Follow.layer({ untrackedTtlMillis: 1_000 }),
        Health.layer,
        Listings.layer,
      ),
    ),
    Layer.provideMerge(
      Cache.layer({ bounds: { maxEntries: options?.maxEntries ?? 1_000, maxBytes: 100_000_000 }, lifetime }),
    ),
    Layer.provideMerge(store),
    Layer.provideMerge(options?.tracker ?? TrackerNone.layer),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, options?.logLevel ?? "None")),
  )
