/** The program: one list of layers, and what becomes of errors at the start. */
import { readFileSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as HttpServer from "effect/http/HttpServer"
import type { ServeError } from "effect/http/HttpServerError"
import * as Backup from "./background/Backup.ts"
import * as Follow from "./background/Follow.ts"
import * as Health from "./background/Health.ts"
import * as Sweep from "./background/Sweep.ts"
import * as Cache from "./cache/Cache.ts"
import * as Listings from "./cache/Listings.ts"
import * as Config from "./Config.ts"
import type { Lifetime } from "./core/Lifetime.ts"
import type { FileUnusable } from "./http/Secrets.ts"
import * as Described from "./http/Described.ts"
import * as Server from "./http/Server.ts"
import type { RedisUrlInvalid } from "./store/RedisUrl.ts"
import type { Store } from "./store/Store.ts"
import * as StoreSqlite from "./store/StoreSqlite.ts"
import type { Tracker } from "./store/Tracker.ts"
import * as TrackerNone from "./store/TrackerNone.ts"

/** A question of a backup and its answer hold the event loop for about a millisecond: this leaves most of it to requests. */
const BACKUP_PAUSE = "3 millis"

const lifetimeOf = (settings: Config.Settings): Lifetime => ({
  ttlMillis: settings.cacheTtl,
  graceMillis: settings.cacheGrace,
  negativeTtlMillis: settings.cacheNegativeTtl,
  jitter: settings.cacheJitter,
})

/** What caches downstream may do; nothing unless a setting says so. */
const downstreamOf = (settings: Config.Settings) => {
  const downstream = {
    maxAgeMillis: settings.downstreamMaxAge,
    staleWhileRevalidateMillis: settings.downstreamStaleWhileRevalidate,
    staleIfErrorMillis: settings.downstreamStaleIfError,
  }
  return Object.values(downstream).some((millis) => millis > 0) ? { downstream } : {}
}

/** The store, and the tracker that tells who else writes to it. */
const storeOf = (
  settings: Config.Settings,
): Layer.Layer<Store | Tracker, RedisUrlInvalid | StoreSqlite.StoreOpenFailed> =>
  Option.match(settings.redisUrl, {
    onNone: () => Layer.mergeAll(StoreSqlite.layer({ directory: settings.dataDir }), TrackerNone.layer),
    // Loaded only when it is used: the client of Redis takes a good part of the time to start.
    onSome: (url) =>
      Layer.unwrap(
        Effect.map(
          Effect.promise(() => import("./store/RedisFollowed.ts")),
          (RedisFollowed) =>
            RedisFollowed.layer({
              url,
              keyPrefix: settings.keyPrefix,
              timeoutMillis: settings.storeTimeout,
            }),
        ),
      ),
  })

const loggerOf = (settings: Config.Settings, isTerminal: boolean) => {
  const pretty = settings.logFormat === "pretty" || (settings.logFormat === "auto" && isTerminal)
  return Layer.mergeAll(
    Logger.layer([pretty ? Logger.consolePretty() : Logger.consoleJson]),
    Layer.succeed(References.MinimumLogLevel, settings.logLevel),
  )
}

const announce = (isTls: boolean) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const url = HttpServer.formatAddress(address).replace(/^http:/, isTls ? "https:" : "http:")
      yield* Effect.logInfo(`listening on ${url}, docs at ${url}/docs`)
    }),
  )

/** What the settings say about serving. */
const serverOf = (settings: Config.Settings, host: Host): Server.Options => {
  const { corsOrigins, rateLimit, tlsCert, tlsKey, tokensFile } = settings
  return {
    host: settings.host,
    port: settings.port,
    maxValueBytes: settings.maxValueBytes,
    ...downstreamOf(settings),
    requireConditions: settings.requireConditions === "yes",
    maxConcurrent: settings.maxConcurrent,
    maxConnections: settings.maxConnections,
    requestTimeoutMillis: settings.requestTimeout,
    localOnly: Option.isNone(tokensFile) && settings.allowAnonymous === "no",
    ...(Option.isSome(corsOrigins) ? { corsOrigins: corsOrigins.value } : {}),
    ...(Option.isSome(rateLimit) ? { rateLimit: rateLimit.value } : {}),
    ...(Option.isSome(tokensFile) ? { tokensFile: tokensFile.value } : {}),
    ...(Option.isSome(tlsCert) && Option.isSome(tlsKey)
      ? { tls: { cert: tlsCert.value, key: tlsKey.value } }
      : {}),
    ...(settings.accessLog === "yes"
      ? { accessLog: (text: string, written: () => void) => void host.stdout.write(text, written) }
      : {}),
    // Without files to read again, the end of the terminal ends the program, as is usual.
    ...(Option.isSome(tokensFile) || Option.isSome(tlsCert)
      ? { onReload: (reload: () => void) => void host.on("SIGHUP", reload) }
      : {}),
  }
}

/** The whole service. */
export const layer = (settings: Config.Settings, host: Host) => {
  const lifetime = lifetimeOf(settings)
  const remembered = Described.rememberedOf(settings.cacheMaxBytes)
  const maxBytes = settings.cacheMaxBytes - Described.bytesOf(remembered)
  const bounds = { maxEntries: settings.cacheMaxEntries, maxBytes }
  return announce(Option.isSome(settings.tlsCert)).pipe(
    Layer.provide(Server.layer({ ...serverOf(settings, host), remembered })),
    Layer.provide([
      Backup.layer({ every: settings.backupEvery, lifetime, pause: BACKUP_PAUSE }),
      Follow.layer({ untrackedTtlMillis: settings.untrackedTtl }),
      Health.layer,
      Listings.layer,
      Sweep.layer,
    ]),
    Layer.provide(Cache.layer({ bounds, lifetime, maxSubscribers: settings.maxSubscribers })),
    Layer.provide(storeOf(settings)),
    Layer.provide(loggerOf(settings, host.stdout.isTTY === true)),
  )
}

/** The environment first, then `.env` in the working directory. */
const provider = (): ConfigProvider.ConfigProvider => {
  const environment = ConfigProvider.fromEnv()
  try {
    const file = readFileSync(".env", "utf8")
    return environment.pipe(ConfigProvider.orElse(ConfigProvider.fromDotEnvContents(file)))
  } catch {
    return environment
  }
}

/** Why the service could not start, in one sentence. */
const sentence = (
  error: Config.BadSetting | FileUnusable | RedisUrlInvalid | ServeError | StoreSqlite.StoreOpenFailed,
  settings: Option.Option<Config.Settings>,
): string => {
  switch (error._tag) {
    case "BadSetting":
    case "FileUnusable":
      return error.message
    case "RedisUrlInvalid":
      return `REDIS_URL cannot be used: ${error.reason}`
    case "StoreOpenFailed":
      return `the store in DATA_DIR ${error.directory} cannot be opened: ${error.reason}`
    case "ServeError": {
      const where = Option.match(settings, {
        onNone: () => "",
        onSome: ({ host, port }) => ` on ${host}:${port}`,
      })
      const code =
        error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : "unknown"
      return code === "EADDRINUSE"
        ? `cannot listen${where}: the port is in use; another can be chosen with PORT`
        : `cannot listen${where}: ${code}`
    }
  }
}

class StartFailed extends Data.TaggedError("StartFailed")<{ readonly message: string }> {}

const program = (host: Host) =>
  Effect.gen(function* () {
    const settings = yield* Effect.mapError(
      Config.load,
      (error) => new StartFailed({ message: sentence(error, Option.none()) }),
    )
    return yield* Effect.mapError(
      Layer.launch(layer(settings, host)),
      (error) => new StartFailed({ message: sentence(error, Option.some(settings)) }),
    )
  }).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, provider()),
    Effect.tapCause((cause) =>
      Effect.sync(() => {
        if (Cause.hasInterruptsOnly(cause)) return
        const error = Cause.squash(cause)
        host.stderr.write(
          error instanceof StartFailed ? `cache-mechanism: ${error.message}\n` : `${Cause.pretty(cause)}\n`,
        )
      }),
    ),
  )

/** What the program needs of its process. */
export interface Host {
  readonly argv: ReadonlyArray<string>
  readonly stdout: {
    readonly isTTY?: boolean
    readonly write: (text: string, written: () => void) => unknown
  }
  readonly on: (signal: "SIGHUP", listener: () => void) => unknown
  readonly stderr: { readonly write: (text: string) => unknown }
  exitCode?: string | number | null | undefined
}

/** Being told to stop is a good end. */
const teardown = <E, A>(exit: Exit.Exit<E, A>, onExit: (code: number) => void): void =>
  onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)

/** Runs the service until it is told to stop. */
export const main = (host: Host): void => {
  const received = host.argv.slice(2)
  if (received.length > 1 || (received[0] ?? "serve") !== "serve") {
    host.stderr.write(`cache-mechanism: the only command is "serve": received "${received.join(" ")}"\n`)
    host.exitCode = 2
    return
  }
  NodeRuntime.runMain(program(host), { disableErrorReporting: true, teardown })
}
