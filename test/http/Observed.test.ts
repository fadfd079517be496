import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as AccessLog from "../../src/http/AccessLog.ts"
import { Store } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import { raw } from "./Raw.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const Line = Schema.fromJsonString(
  Schema.Struct({
    time: Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
    method: Schema.String,
    route: Schema.String,
    status: Schema.Int,
    micros: Schema.NullOr(Schema.Int),
    bytes: Schema.Int,
    caller: Schema.String,
  }),
)

const decode = Schema.decodeUnknownSync(Line, { onExcessProperty: "error" })

/** Where lines are gathered. */
const makeOutput = () => {
  const texts: Array<string> = []
  const output: AccessLog.Output = (text, written) => {
    texts.push(text)
    written()
  }
  return { output, texts, lines: () => texts.join("").split("\n").slice(0, -1) }
}

const admin = TokenFile.as("admin")

const REQUESTS: ReadonlyArray<Service.Outgoing> = [
  { method: "PUT", path: "/entries/secret-key", body: "secret-value", headers: admin },
  { path: "/entries/secret-key", headers: TokenFile.as("reader") },
  { method: "HEAD", path: "/entries/secret-key", headers: admin },
  { path: "/entries/secret-key/more", headers: admin },
  { path: "/entries?prefix=secret-key", headers: admin },
  { path: "/entries/secret-key" },
  { path: "/entries/secret-key", headers: { authorization: "Bearer secret-token" } },
  { method: "DELETE", path: "/entries/secret-key", headers: TokenFile.as("reader") },
  { method: "PURGE", path: "/entries/secret-key", headers: admin },
]

describe("the access log", () => {
  for (const hotPath of [true, false]) {
    it.live(
      `has one line per request and no key, value or token, ${hotPath ? "with" : "without"} the hot path`,
      () =>
        Effect.gen(function* () {
          const { lines, output } = makeOutput()
          yield* Effect.gen(function* () {
            for (const outgoing of REQUESTS) yield* send(outgoing)
            const { port } = yield* Service.Service
            const head = `Host: a\r\nAuthorization: ${admin["authorization"]}\r\n\r\n`
            yield* raw(port, `GET /events?prefix=secret-key HTTP/1.1\r\n${head}`, (text) =>
              text.includes("reset"),
            )
          }).pipe(Effect.provide(TokenFile.service({ hotPath, server: { accessLog: output } })))
          const entry = "/entries/{key}"
          assert.deepStrictEqual(
            lines().map((line) => {
              const { bytes, caller, method, route, status } = decode(line)
              return [method, route, status, caller, route === entry && status === 200 ? bytes : undefined]
            }),
            [
              ["PUT", entry, 201, "admin", undefined],
              ["GET", entry, 200, "reader", 12],
              ["HEAD", entry, 200, "admin", 0],
              ["GET", "none", 404, "admin", undefined],
              ["GET", "/entries", 200, "admin", undefined],
              ["GET", entry, 401, "anonymous", undefined],
              ["GET", entry, 401, "anonymous", undefined],
              ["DELETE", entry, 403, "reader", undefined],
              ["other", entry, 405, "admin", undefined],
              ["GET", "/events", 200, "admin", undefined],
            ],
          )
          assert.notMatch(lines().join("\n"), /secret|token-of/)
          for (const line of lines()) {
            const { micros, route } = decode(line)
            if (route === "/events") assert.isNull(micros)
            else assert.isTrue(micros !== null && micros > 0 && micros < 10_000_000)
          }
        }),
    )
  }

  it.effect("writes lines together, once a second, when there are enough, and at the end", () =>
    Effect.gen(function* () {
      const { output, texts } = makeOutput()
      yield* Effect.gen(function* () {
        const log = yield* AccessLog.make(output)
        log.write("a\n")
        log.write("b\n")
        assert.deepStrictEqual(texts, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(texts, ["a\nb\n"])
        log.write(`${"x".repeat(40_000)}\n`)
        assert.strictEqual(texts.length, 2)
        log.write("last\n")
      }).pipe(Effect.scoped)
      assert.strictEqual(texts.at(-1), "last\n")
    }),
  )

  it.effect("keeps no more than it may while nobody reads, and says how many lines are missing", () =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      let written = () => {}
      const log = yield* AccessLog.make((text, done) => {
        texts.push(text)
        written = done
      })
      const line = `${"x".repeat(1_023)}\n`
      for (let index = 0; index < 5_000; index++) log.write(line)
      assert.strictEqual(texts.length, 1)
      written()
      const kept = texts.join("").split("\n")
      const { dropped } = JSON.parse(kept.at(-2) ?? "")
      assert.isAtMost(texts.at(1)?.length ?? 0, 1_100_000)
      assert.strictEqual(kept.length - 2 + dropped, 5_000)
    }).pipe(Effect.scoped),
  )
})

describe("metrics of HTTP", () => {
  for (const hotPath of [true, false]) {
    it.live(`count replies by method, route and status, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        for (const outgoing of REQUESTS) yield* send(outgoing)
        const { text } = yield* send({ path: "/metrics", headers: admin })
        const count = (method: string, route: string, status: string) =>
          Number(
            text
              .split("\n")
              .find(
                (line) =>
                  line.startsWith("cache_mechanism_http_requests_total{") &&
                  [`method="${method}"`, `route="${route}"`, `status="${status}"`].every((label) =>
                    line.includes(label),
                  ),
              )
              ?.split(" ")[1],
          )
        assert.strictEqual(count("PUT", "/entries/{key}", "2xx"), 1)
        assert.strictEqual(count("GET", "/entries/{key}", "2xx"), 1)
        assert.strictEqual(count("GET", "/entries/{key}", "4xx"), 2)
        assert.strictEqual(count("GET", "none", "4xx"), 1)
        assert.strictEqual(count("other", "/entries/{key}", "4xx"), 1)
        const buckets = text
          .split("\n")
          .filter((line) =>
            /^cache_mechanism_http_request_duration_seconds_bucket\{.*method="GET".*route="\/entries\/\{key\}"/.test(
              line,
            ),
          )
          .map((line) => Number(line.split(" ")[1]))
        assert.strictEqual(buckets.length, 17)
        assert.deepStrictEqual(
          buckets,
          buckets.toSorted((left, right) => left - right),
        )
        assert.strictEqual(buckets.at(-1), 3)
        assert.notMatch(text, /secret|token-of/)
      }).pipe(Effect.provide(TokenFile.service({ hotPath }))),
    )
  }
})

describe("the log", () => {
  /** A store that breaks on every question with the key in the error. */
  const broken = Layer.effect(
    Store,
    Effect.map(Store, (store) =>
      Store.of({
        ...store,
        list: () => Effect.die(new Error("broken")),
        read: () => Effect.die(new Error("broken")),
      }),
    ),
  ).pipe(Layer.provide(StoreMemory.layer))

  it.live("shows no key, value or token when requests fail", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const gather = Logger.layer([
        Logger.map(Logger.formatJson, (line) => {
          lines.push(line)
        }),
      ])
      const replies = yield* Effect.gen(function* () {
        const texts: Array<string> = []
        for (const outgoing of [...REQUESTS, { path: "/entries/secret-key-2", headers: admin }]) {
          texts.push((yield* send(outgoing)).text)
        }
        return texts
      }).pipe(
        Effect.provide(Layer.provideMerge(TokenFile.service({ store: broken, logLevel: "All" }), gather)),
      )
      assert.isTrue(replies.some((text) => text.includes("internal-error")))
      assert.isTrue(lines.some((line) => line.includes("request failed")))
      assert.notMatch(lines.join("\n"), /secret|token-of/)
    }),
  )
})
