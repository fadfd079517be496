import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Config from "../src/Config.ts"

const load = (environment: Record<string, string>) =>
  Effect.provideService(
    Config.load,
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromEnv({ env: environment }),
  )

describe("Config", () => {
  it.effect("has a default for every setting, and an empty setting counts as not given", () =>
    Effect.gen(function* () {
      const settings = yield* load({})
      assert.strictEqual(settings.cacheTtl, 5 * 60_000)
      assert.strictEqual(settings.port, 8000)
      assert.isTrue(Option.isNone(settings.redisUrl))
      const empty = Object.fromEntries(Object.values(Config.settings).map(({ name }) => [name, ""]))
      assert.deepStrictEqual(yield* load(empty), settings)
    }),
  )

  it.effect("reads every setting in its grammar", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        REDIS_URL: "redis://user:p%40ss@host:6380/3",
        CACHE_TTL: "1h30m",
        CACHE_GRACE: "0",
        CACHE_MAX_BYTES: "1 GiB",
        MAX_VALUE_BYTES: "2mb",
        CACHE_JITTER: "0.25",
        LOG_LEVEL: "WARNING",
        BACKUP_EVERY: "90",
        PORT: "0",
        RATE_LIMIT: "100/1s",
        CORS_ORIGINS: "https://a.example, http://localhost:3000",
        TLS_CERT: "cert.pem",
        TLS_KEY: "key.pem",
        ACCESS_LOG: "true",
        REQUEST_TIMEOUT: "5s",
      })
      assert.deepStrictEqual(
        [
          settings.rateLimit,
          settings.corsOrigins,
          settings.tlsCert,
          settings.accessLog,
          settings.requestTimeout,
        ],
        [
          Option.some({ count: 100, windowMillis: 1_000 }),
          Option.some(new Set(["https://a.example", "http://localhost:3000"])),
          Option.some("cert.pem"),
          "yes",
          5_000,
        ],
      )
      assert.deepStrictEqual(Option.getOrUndefined(settings.redisUrl), "redis://user:p%40ss@host:6380/3")
      assert.deepStrictEqual(
        [settings.cacheTtl, settings.cacheGrace, settings.cacheMaxBytes, settings.maxValueBytes],
        [5_400_000, 0, 1_073_741_824, 2_000_000],
      )
      assert.deepStrictEqual(
        [settings.cacheJitter, settings.logLevel, settings.backupEvery, settings.port],
        [0.25, "Warn", 90_000, 0],
      )
    }),
  )

  it.effect("refuses a bad setting in one sentence that names it, what came and what is accepted", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [name: string, value: string]> = [
        ["CACHE_TTL", "-1"],
        ["CACHE_TTL", "5 parsecs"],
        ["CACHE_TTL", "0"],
        ["CACHE_JITTER", "1.1"],
        ["CACHE_MAX_ENTRIES", "0"],
        ["CACHE_MAX_ENTRIES", "1e3"],
        ["CACHE_MAX_BYTES", "lots"],
        ["PORT", "65536"],
        ["PORT", "http"],
        ["BACKUP_EVERY", "1ms"],
        ["LOG_LEVEL", "loud"],
        ["KEY_PREFIX", "a__cache-mechanism:"],
        ["HOST", "0.0.0.0"],
        ["RATE_LIMIT", "100"],
        ["RATE_LIMIT", "0/1s"],
        ["CORS_ORIGINS", "example.org"],
        ["ACCESS_LOG", "yes"],
        ["MAX_CONCURRENT", "0"],
        ["REQUEST_TIMEOUT", "1ms"],
      ]
      for (const [name, value] of bad) {
        const { message } = yield* Effect.flip(load({ [name]: value }))
        assert.match(message, new RegExp(`^${name} must be .+: received "`), message)
        assert.include(message, value)
        assert.notInclude(message, "\n")
      }
      const open = yield* load({ HOST: "0.0.0.0", ALLOW_ANONYMOUS: "true" })
      assert.strictEqual(open.host, "0.0.0.0")
      assert.strictEqual((yield* load({ HOST: "0.0.0.0", TOKENS_FILE: "x" })).host, "0.0.0.0")
    }),
  )

  it.effect("takes certificate and key together or not at all", () =>
    Effect.gen(function* () {
      for (const [given, missing] of [
        ["TLS_CERT", "TLS_KEY"],
        ["TLS_KEY", "TLS_CERT"],
      ] as const) {
        const { message } = yield* Effect.flip(load({ [given]: "x.pem" }))
        assert.strictEqual(message, `${missing} must be a file, as ${given} is given: received nothing`)
      }
    }),
  )

  it.effect("never shows a password", () =>
    Effect.gen(function* () {
      for (const url of [
        "http://u:hunter2@h",
        "redis://u:hunter2@h/x",
        "redis://u:hunter2@h?a=b",
        "hunter2",
      ]) {
        const { message } = yield* Effect.flip(load({ REDIS_URL: url }))
        assert.match(message, /^REDIS_URL must be /)
        assert.notInclude(message, "hunter2")
      }
    }),
  )
})
