/**
 * Every setting: its name, default, meaning and grammar. The README's table is printed from here.
 *
 * Settings come from the environment, or from a `.env` file for those that the environment does not have. A
 * setting that is empty counts as not given. A bad one ends the start with one sentence.
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as BytesText from "./core/BytesText.ts"
import * as DurationText from "./core/DurationText.ts"
import { RESERVED_PREFIX } from "./core/Entry.ts"
import * as TokenBucket from "./core/TokenBucket.ts"
import * as Cors from "./http/Cors.ts"
import * as RedisTarget from "./store/RedisTarget.ts"

/** A setting that cannot be used. Its message is the sentence that the user reads. */
export class BadSetting extends Schema.TaggedError<BadSetting>()("BadSetting", {
  name: Schema.String,
  /** What came; hidden for settings that may hold a password. */
  received: Schema.String,
  accepted: Schema.String,
}) {
  override get message(): string {
    return `${this.name} must be ${this.accepted}: received ${this.received}`
  }
}

/** One setting: how its text becomes a value, and what people read about it. */
export interface Setting<A> {
  readonly name: string
  /** `None`: not acceptable. */
  readonly parse: (text: string) => Option.Option<A>
  /** What is acceptable, completing "NAME must be …". */
  readonly accepted: string
  readonly fallback: A
  /** The default as the README shows it. */
  readonly shown: string
  readonly help: string
  /** Says what came without showing it, for a setting that may hold a password. */
  readonly describe?: (text: string) => string
}

const text = <A extends Option.Option<string> | string>(
  name: string,
  wrap: (value: string) => A,
  fallback: A,
  shown: string,
  help: string,
): Setting<A> => ({
  name,
  parse: (value) => Option.some(wrap(value)),
  accepted: "text",
  fallback,
  shown,
  help,
})

const optional = (name: string, help: string): Setting<Option.Option<string>> =>
  text(name, (value) => Option.some(value), Option.none(), "none: off", help)

const duration = (name: string, millis: number, help: string, min = 0): Setting<number> => ({
  name,
  parse: (value) => Option.filter(DurationText.parse(value), (parsed) => parsed >= min),
  accepted: `${DurationText.ACCEPTED}${min > 0 ? `, at least ${DurationText.format(min)}` : ""}`,
  fallback: millis,
  shown: DurationText.format(millis),
  help,
})

const bytes = (name: string, amount: number, help: string, min = 1): Setting<number> => ({
  name,
  parse: (value) => Option.filter(BytesText.parse(value), (parsed) => parsed >= min),
  accepted: `${BytesText.ACCEPTED}, at least ${BytesText.format(min)}`,
  fallback: amount,
  shown: BytesText.format(amount),
  help,
})

const integer = (
  name: string,
  fallback: number,
  help: string,
  min: number,
  max: number,
): Setting<number> => ({
  name,
  parse: (value) =>
    /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max
      ? Option.some(Number(value))
      : Option.none(),
  accepted: `a whole number from ${min} to ${max}`,
  fallback,
  shown: String(fallback),
  help,
})

const oneOf = <A extends string>(
  name: string,
  choices: Readonly<Record<string, A>>,
  fallback: A,
  shown: string,
  help: string,
): Setting<A> => ({
  name,
  parse: (value) => Option.fromUndefinedOr(choices[value.toLowerCase()]),
  accepted: `one of ${Object.keys(choices).join(", ")}`,
  fallback,
  shown,
  help,
})

const MAX_COUNT = 1_000_000_000

/** All settings, in the order of the README's table. */
export const settings = {
  redisUrl: {
    name: "REDIS_URL",
    parse: (value: string) =>
      Option.map(Result.getSuccess(RedisTarget.parse(value)), () => Option.some(value)),
    accepted:
      "a URL such as redis://user:password@host:6379/0, rediss://host:6380, redis-sentinel://host1,host2/group or redis-cluster://host1,host2",
    fallback: Option.none<string>(),
    shown: "none: the embedded store",
    help: "the Redis that this caches",
    describe: (value: string) =>
      Result.match(RedisTarget.parse(value), {
        onFailure: ({ reason }) => `something else, not shown as it may hold a password: ${reason}`,
        onSuccess: () => value,
      }),
  } satisfies Setting<Option.Option<string>>,
  dataDir: text("DATA_DIR", (value) => value, "./data", "./data", "where the embedded store keeps its file"),
  host: text("HOST", (value) => value, "127.0.0.1", "127.0.0.1", "the address it listens on"),
  port: integer("PORT", 8000, "the port it listens on; 0 takes a free one and logs it", 0, 65535),
  allowAnonymous: oneOf<"yes" | "no">(
    "ALLOW_ANONYMOUS",
    { true: "yes", false: "no" },
    "no",
    "false",
    "without tokens: lets everybody who reaches `HOST` read and write, also when that is not loopback or `Host` or `Origin` name another machine",
  ),
  tokensFile: optional(
    "TOKENS_FILE",
    "JSON: an array of `{name, sha256, scopes, prefixes}`: the SHA-256 of a token, some of `read`, `write` and `admin` (which includes the others), and optionally what its keys begin with; read again on SIGHUP",
  ),
  rateLimit: {
    name: "RATE_LIMIT",
    parse: (value: string) => Option.map(TokenBucket.parse(value), Option.some),
    accepted: TokenBucket.ACCEPTED,
    fallback: Option.none<TokenBucket.Policy>(),
    shown: "none: off",
    help: "requests in a time, such as `100/1s`, for each token, and for each address without one",
  } satisfies Setting<Option.Option<TokenBucket.Policy>>,
  corsOrigins: {
    name: "CORS_ORIGINS",
    parse: (value: string) => Option.map(Cors.parse(value), Option.some),
    accepted: Cors.ACCEPTED,
    fallback: Option.none<Cors.Origins>(),
    shown: "none: off",
    help: "origins whose pages may ask, with commas, or `*` for all",
  } satisfies Setting<Option.Option<Cors.Origins>>,
  tlsCert: optional(
    "TLS_CERT",
    "PEM file of the certificate and its chain: HTTPS instead of HTTP; read again on SIGHUP",
  ),
  tlsKey: optional("TLS_KEY", "PEM file of the certificate's key"),
  accessLog: oneOf<"yes" | "no">(
    "ACCESS_LOG",
    { true: "yes", false: "no" },
    "no",
    "false",
    "one JSON line per request on stdout: time, method, route, status, microseconds, bytes, token's name; never a key",
  ),
  keyPrefix: {
    name: "KEY_PREFIX",
    parse: (value: string) =>
      value.includes(RESERVED_PREFIX) || value.includes("\0") ? Option.none() : Option.some(value),
    accepted: `text without ${RESERVED_PREFIX}`,
    fallback: "",
    shown: "none",
    help: "prefix of every key in Redis",
  } satisfies Setting<string>,
  cacheTtl: duration("CACHE_TTL", 300_000, "how long L1 serves an entry without asking the store", 1),
  cacheGrace: duration(
    "CACHE_GRACE",
    3_600_000,
    "how long past that a copy may be served when the store does not answer",
  ),
  cacheNegativeTtl: duration("CACHE_NEGATIVE_TTL", 5_000, "how long L1 remembers that a key does not exist"),
  cacheJitter: {
    name: "CACHE_JITTER",
    parse: (value: string) =>
      /^(0(\.\d+)?|1(\.0+)?)$/.test(value) ? Option.some(Number(value)) : Option.none(),
    accepted: "a number from 0 to 1",
    fallback: 0.1,
    shown: "0.1",
    help: "part of the TTL that is taken off at random: TTL x (1 - jitter x random)",
  } satisfies Setting<number>,
  cacheMaxEntries: integer("CACHE_MAX_ENTRIES", 100_000, "bound of L1 in entries", 1, MAX_COUNT),
  cacheMaxBytes: bytes("CACHE_MAX_BYTES", 268_435_456, "bound of L1 in bytes, overhead included", 1_024),
  untrackedTtl: duration(
    "UNTRACKED_TTL",
    1_000,
    "how long L1 serves an entry while the server refuses tracking",
    1,
  ),
  storeTimeout: duration("STORE_TIMEOUT", 1_000, "how long a request waits for the store", 1),
  backupEvery: duration("BACKUP_EVERY", 60_000, "how often L1 is compared with the store", 1_000),
  maxValueBytes: bytes("MAX_VALUE_BYTES", 1_048_576, "the largest value that is taken"),
  maxSubscribers: integer("MAX_SUBSCRIBERS", 100, "who may listen to `/events` at the same time", 0, 100_000),
  requireConditions: oneOf<"yes" | "no">(
    "REQUIRE_CONDITIONS",
    { true: "yes", false: "no" },
    "no",
    "false",
    "refuses a PUT, PATCH or DELETE without `If-Match` or `If-None-Match`",
  ),
  downstreamMaxAge: duration(
    "DOWNSTREAM_MAX_AGE",
    0,
    "how long caches downstream (browsers, clients) may use a value without asking again; it is then not coherent",
  ),
  downstreamStaleWhileRevalidate: duration(
    "DOWNSTREAM_STALE_WHILE_REVALIDATE",
    0,
    "how long past that they may use it while they ask",
  ),
  downstreamStaleIfError: duration(
    "DOWNSTREAM_STALE_IF_ERROR",
    0,
    "how long past that they may use it while this service fails",
  ),
  maxConcurrent: integer(
    "MAX_CONCURRENT",
    10_000,
    "requests under way at the same time, streams aside",
    1,
    1_000_000,
  ),
  maxConnections: integer("MAX_CONNECTIONS", 10_000, "connections at the same time", 1, 1_000_000),
  requestTimeout: duration(
    "REQUEST_TIMEOUT",
    30_000,
    "from the head of a request to the last byte of its reply, streams aside",
    10,
  ),
  logFormat: oneOf<"pretty" | "json" | "auto">(
    "LOG_FORMAT",
    { pretty: "pretty", json: "json" },
    "auto",
    "pretty on a terminal, else json",
    "how log lines look",
  ),
  logLevel: oneOf<"Error" | "Warn" | "Info" | "Debug">(
    "LOG_LEVEL",
    { error: "Error", warn: "Warn", warning: "Warn", info: "Info", debug: "Debug" },
    "Info",
    "info",
    "the least that is logged",
  ),
}

export type Settings = {
  readonly [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer A> ? A : never
}

/** Loopback: reached from this machine only. */
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)

const readOne = <A>(setting: Setting<A>): Effect.Effect<A, BadSetting> =>
  Effect.gen(function* () {
    const provider = yield* ConfigProvider.ConfigProvider
    const node = yield* Effect.orDie(provider.load([setting.name]))
    const value = node?.value ?? ""
    if (value === "") return setting.fallback
    const parsed = setting.parse(value)
    if (Option.isSome(parsed)) return parsed.value
    return yield* new BadSetting({
      name: setting.name,
      received: setting.describe === undefined ? `"${value}"` : setting.describe(value),
      accepted: setting.accepted,
    })
  })

/** Settings that are good each, but not together. */
const contradiction = (loaded: Settings): BadSetting | undefined => {
  const { allowAnonymous, host, tlsCert, tlsKey, tokensFile } = loaded
  if (!isLoopback(host) && Option.isNone(tokensFile) && allowAnonymous === "no") {
    return new BadSetting({
      name: "HOST",
      received: `"${host}"`,
      accepted:
        "a loopback address unless there is a TOKENS_FILE or ALLOW_ANONYMOUS=true, since everybody who reaches it could write",
    })
  }
  if (Option.isSome(tlsCert) === Option.isSome(tlsKey)) return undefined
  const [name, other] = Option.isSome(tlsCert) ? ["TLS_KEY", "TLS_CERT"] : ["TLS_CERT", "TLS_KEY"]
  return new BadSetting({ name, received: "nothing", accepted: `a file, as ${other} is given` })
}

/** Reads all settings from the current `ConfigProvider`. */
export const load: Effect.Effect<Settings, BadSetting> = Effect.gen(function* () {
  const loaded: Settings = {
    redisUrl: yield* readOne(settings.redisUrl),
    dataDir: yield* readOne(settings.dataDir),
    host: yield* readOne(settings.host),
    port: yield* readOne(settings.port),
    allowAnonymous: yield* readOne(settings.allowAnonymous),
    tokensFile: yield* readOne(settings.tokensFile),
    rateLimit: yield* readOne(settings.rateLimit),
    corsOrigins: yield* readOne(settings.corsOrigins),
    tlsCert: yield* readOne(settings.tlsCert),
    tlsKey: yield* readOne(settings.tlsKey),
    accessLog: yield* readOne(settings.accessLog),
    keyPrefix: yield* readOne(settings.keyPrefix),
    cacheTtl: yield* readOne(settings.cacheTtl),
    cacheGrace: yield* readOne(settings.cacheGrace),
    cacheNegativeTtl: yield* readOne(settings.cacheNegativeTtl),
    cacheJitter: yield* readOne(settings.cacheJitter),
    cacheMaxEntries: yield* readOne(settings.cacheMaxEntries),
    cacheMaxBytes: yield* readOne(settings.cacheMaxBytes),
    untrackedTtl: yield* readOne(settings.untrackedTtl),
    storeTimeout: yield* readOne(settings.storeTimeout),
    backupEvery: yield* readOne(settings.backupEvery),
    maxValueBytes: yield* readOne(settings.maxValueBytes),
    maxSubscribers: yield* readOne(settings.maxSubscribers),
    requireConditions: yield* readOne(settings.requireConditions),
    downstreamMaxAge: yield* readOne(settings.downstreamMaxAge),
    downstreamStaleWhileRevalidate: yield* readOne(settings.downstreamStaleWhileRevalidate),
    downstreamStaleIfError: yield* readOne(settings.downstreamStaleIfError),
    maxConcurrent: yield* readOne(settings.maxConcurrent),
    maxConnections: yield* readOne(settings.maxConnections),
    requestTimeout: yield* readOne(settings.requestTimeout),
    logFormat: yield* readOne(settings.logFormat),
    logLevel: yield* readOne(settings.logLevel),
  }
  const fault = contradiction(loaded)
  if (fault !== undefined) return yield* fault
  return loaded
})

/** The README's table of settings. */
export const markdownTable = (): string =>
  [
    "| name | default | meaning |",
    "| --- | --- | --- |",
    ...Object.values(settings).map(({ help, name, shown }) => `| \`${name}\` | \`${shown}\` | ${help} |`),
  ].join("\n")
