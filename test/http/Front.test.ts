import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ProblemPages from "../../src/http/ProblemPages.ts"
import { Store } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import { raw } from "./Raw.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

layer(Service.layer(StoreMemory.layer), { excludeTestServices: true })("Front", (service) => {
  service.effect("answers unknown paths and methods with problems, and says what a path takes", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [method: string, path: string, status: number, allow?: string]> = [
        ["GET", "/nope", 404],
        ["GET", "/Entries/a", 404],
        ["GET", "//entries/a", 404],
        ["GET", "/entries/a/", 404],
        ["GET", "/entries/", 400],
        ["GET", "/entries/a/b", 404],
        ["POST", "/entries/a", 405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"],
        ["DELETE", "/entries", 405, "GET, HEAD, OPTIONS, POST"],
        ["DELETE", "/backup", 405, "GET, HEAD, OPTIONS, POST"],
        ["POST", "/stats", 405, "GET, HEAD, OPTIONS"],
        ["PUT", "/docs", 405, "GET, HEAD, OPTIONS"],
        ["POST", "/openapi.json", 405, "GET, HEAD, OPTIONS"],
        ["POST", "/entries?ttl=5m", 400],
      ]
      for (const [method, path, status, allow] of cases) {
        const reply = yield* send({ method, path })
        assert.deepStrictEqual([reply.status, reply.headers["allow"]], [status, allow], `${method} ${path}`)
        assert.strictEqual(reply.headers["content-type"], "application/problem+json")
      }
      const options = yield* send({ method: "OPTIONS", path: "/entries/a" })
      assert.deepStrictEqual(
        [options.status, options.headers["allow"]],
        [204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"],
      )
    }),
  )

  service.effect("answers what is not HTTP with a problem and closes", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      for (const [bytes, status] of [
        ["nonsense\r\n\r\n", 400],
        [`GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
        ["GET /entries/a HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
        ["PUT /entries/a HTTP/1.1\r\nHost: a\r\nExpect: foo\r\nContent-Length: 1\r\n\r\n", 417],
        ["CONNECT example:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405],
      ] as const) {
        const text = yield* raw(port, bytes)
        assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), text.slice(0, 100))
        assert.match(text, /content-type: application\/problem\+json/i)
      }
    }),
  )

  service.effect("serves Swagger UI, the document and the pages of problems, all from here", () =>
    Effect.gen(function* () {
      const docs = yield* send({ path: "/docs" })
      assert.deepStrictEqual([docs.status, docs.headers["content-type"]], [200, "text/html"])
      assert.notMatch(docs.text, /<(script|link)[^>]+(src|href)=["']https?:/)
      const document = JSON.parse((yield* send({ path: "/openapi.json" })).text)
      assert.strictEqual(document.openapi, "3.1.0")
      const used = new Set(
        [...JSON.stringify(document).matchAll(/\/docs\/problems\/([a-z-]+)/g)].map(([, slug]) => slug),
      )
      for (const slug of used) assert.include(ProblemPages.slugs, slug)
      for (const slug of ProblemPages.slugs) {
        assert.strictEqual((yield* send({ path: `/docs/problems/${slug}` })).status, 200)
      }
    }),
  )
})

/** Requests that the hot path answers, declines, or must not touch. */
const SAMPLE: ReadonlyArray<Service.Outgoing> = [
  ...[
    "json",
    "text",
    "binary",
    "empty",
    "a%2Fb",
    "%61",
    "none",
    "a;b",
    "%zz",
    "json?x=1",
    "json/",
    "big",
  ].map((key) => ({
    path: `/entries/${key}`,
  })),
  ...[
    '"x"',
    "*",
    "W/",
    '"7a38d8cbd20d9932ba948efaa364bb62651d5ad4"',
    '"x", "7a38d8cbd20d9932ba948efaa364bb62651d5ad4"',
  ].map((noneMatch) => ({ path: "/entries/text", headers: { "if-none-match": noneMatch } })),
  ...[
    "no-cache",
    "no-store",
    "max-age=0",
    "max-age=60",
    "max-age=x",
    "min-fresh=10",
    "min-fresh=9999",
    "max-stale",
    "max-stale=5",
    "only-if-cached",
    "only-if-cached, no-cache",
    "stale-if-error=0",
    "unheard-of=1",
    "",
  ].flatMap((directives) =>
    ["text", "none"].map((key) => ({
      path: `/entries/${key}`,
      headers: { "cache-control": directives },
    })),
  ),
  ...[
    { pragma: "no-cache" },
    { pragma: "no-cache", "cache-control": "max-age=60" },
    { "if-match": "*" },
    { "if-match": '"x"' },
    { "if-match": '"7a38d8cbd20d9932ba948efaa364bb62651d5ad4"', "if-none-match": "*" },
    { "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" },
    { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" },
    { range: "bytes=0-0" },
    { range: "bytes=9-", "if-range": '"7a38d8cbd20d9932ba948efaa364bb62651d5ad4"' },
    { "content-encoding": "gzip" },
    { expect: "100-continue" },
  ].flatMap((headers) => [
    { path: "/entries/text", headers },
    { path: "/entries/text", method: "HEAD", headers },
  ]),
  { path: "/entries/text", method: "HEAD" },
]

/** What the hot path must not answer otherwise than the contract: who may not, and who asks too often. */
const GUARDED: ReadonlyArray<Service.Outgoing> = [
  {},
  { authorization: "Bearer nobody" },
  { authorization: "Basic x" },
  TokenFile.as("reader"),
  TokenFile.as("only-writer"),
  TokenFile.as("admin"),
  TokenFile.as("shop"),
  { ...TokenFile.as("reader"), origin: "https://app.example" },
  { ...TokenFile.as("reader"), "if-none-match": '"7a38d8cbd20d9932ba948efaa364bb62651d5ad4"' },
].flatMap((headers) =>
  ["/entries/text", "/entries/shop%2Fa", "/entries/%73hop%2Fa", "/entries/none", "/entries/%zz"].map(
    (path) => ({
      path,
      headers,
    }),
  ),
)

const refusals = (hotPath: boolean) =>
  Effect.gen(function* () {
    const headers = TokenFile.as("admin")
    yield* send({ method: "PUT", path: "/entries/text", body: "v", headers })
    yield* send({ method: "PUT", path: "/entries/shop%2Fa", body: "v", headers })
    const all = []
    // Twice, so that some are refused as they ask too often.
    for (const outgoing of [...GUARDED, ...GUARDED]) {
      const reply = yield* send(outgoing)
      const { date: _date, ...rest } = reply.headers
      all.push({ outgoing, status: reply.status, text: reply.text, headers: rest })
    }
    return all
  }).pipe(
    Effect.provide(
      TokenFile.service({
        hotPath,
        server: {
          rateLimit: { count: 15, windowMillis: 86_400_000 },
          corsOrigins: new Set(["https://app.example"]),
        },
      }),
    ),
  )

/** Seconds until something may differ by one between two runs. */
const settled = (replies: Effect.Success<ReturnType<typeof refusals>>) =>
  replies.map(({ headers, text, ...rest }) => ({
    ...rest,
    text: text.replace(/\d+ s/g, "N s"),
    headers: {
      ...headers,
      "retry-after": headers["retry-after"] !== undefined,
      ratelimit: headers["ratelimit"]?.toString().replace(/t=\d+/, "t=N"),
    },
  }))

const replies = (hotPath: boolean) =>
  Effect.gen(function* () {
    yield* send({ method: "PUT", path: "/entries/json", body: '{"a":1}' })
    yield* send({ method: "PUT", path: "/entries/text", body: "v" })
    yield* send({ method: "PUT", path: "/entries/empty", body: "" })
    yield* send({ method: "PUT", path: "/entries/binary", body: Uint8Array.from([255, 0, 13, 10]) })
    yield* send({ method: "PUT", path: "/entries/a%2Fb?ttl=1h", body: "slash" })
    yield* send({ method: "PUT", path: "/entries/a", body: "a" })
    yield* send({ method: "PUT", path: "/entries/big", body: "ü".repeat(500_000) })
    const all = []
    for (const outgoing of SAMPLE) {
      const { headers, status, text } = yield* send(outgoing)
      const { date: _date, expires, ...rest } = headers
      all.push({ outgoing, status, text, headers: { ...rest, expires: expires !== undefined } })
    }
    const { text } = yield* send({ path: "/stats" })
    const { hits, misses } = JSON.parse(text)
    return { all, hits, misses }
  }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { hotPath })))

describe("HotPath", () => {
  it.live("answers and counts exactly as the contract does", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replies(true), yield* replies(false))
    }),
  )

  it.live("refuses exactly what the contract refuses", () =>
    Effect.gen(function* () {
      const hot = settled(yield* refusals(true))
      assert.deepStrictEqual(hot, settled(yield* refusals(false)))
      const statuses = new Set(hot.map(({ status }) => status))
      assert.deepStrictEqual([...statuses].toSorted(), [200, 304, 400, 401, 403, 404, 429])
    }),
  )

  it.live("keeps pipelined replies whole and apart", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      yield* send({ method: "PUT", path: "/entries/ascii", body: "hello" })
      yield* send({ method: "PUT", path: "/entries/cjk", body: "日本語".repeat(100) })
      yield* send({ method: "PUT", path: "/entries/binary", body: Uint8Array.from([255, 0, 13, 10]) })
      const one = (path: string, method = "GET", last = false) =>
        `${method} /entries/${path} HTTP/1.1\r\nHost: a\r\n${last ? "Connection: close\r\n" : ""}\r\n`
      const paths = ["ascii", "cjk", "binary", "none", "ascii"]
      const requests = Array.from({ length: 300 }, (_, index) => paths[index % paths.length] ?? "")
      const text = yield* raw(
        port,
        requests.map((path) => one(path)).join("") + one("ascii", "HEAD") + one("cjk", "GET", true),
      )
      let rest = Buffer.from(text, "latin1")
      const statuses: Array<number> = []
      for (const path of [...requests, "HEAD", "cjk"]) {
        const end = rest.indexOf("\r\n\r\n")
        const head = rest.subarray(0, end).toString("latin1")
        statuses.push(Number(head.slice(9, 12)))
        const length = path === "HEAD" ? 0 : Number(/content-length: (\d+)/i.exec(head)?.[1])
        const body = rest.subarray(end + 4, end + 4 + length)
        if (path === "ascii") assert.strictEqual(body.toString("utf8"), "hello")
        if (path === "cjk") assert.strictEqual(body.toString("utf8"), "日本語".repeat(100))
        if (path === "binary") assert.deepStrictEqual([...body], [255, 0, 13, 10])
        rest = rest.subarray(end + 4 + length)
      }
      assert.strictEqual(rest.length, 0)
      assert.strictEqual(statuses.filter((status) => status === 404).length, 60)
      assert.strictEqual(statuses.filter((status) => status === 200).length, 242)
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )
})

describe("pipelining", () => {
  it.live("does what comes after a change after it", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      const line = (method: string, body = "", last = false) =>
        `${method} /entries/q HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${last ? "Connection: close\r\n" : ""}\r\n${body}`
      for (let round = 0; round < 20; round++) {
        const requests = [
          line("PUT", "1"),
          line("GET"),
          line("PUT", "2"),
          line("GET"),
          line("DELETE"),
          line("GET", "", true),
        ]
        const text = yield* raw(port, requests.join(""))
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
        assert.deepStrictEqual(statuses, [201, 200, 204, 200, 204, 404])
      }
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )
})

describe("a defect", () => {
  const broken = Layer.effect(
    Store,
    Effect.map(Store, (store) => Store.of({ ...store, list: () => Effect.die(new Error("secret detail")) })),
  ).pipe(Layer.provide(StoreMemory.layer))

  it.live("is a 500 with an opaque id and nothing else", () =>
    Effect.gen(function* () {
      const reply = yield* send({ path: "/entries" })
      const { id, ...rest } = JSON.parse(reply.text)
      assert.strictEqual(reply.status, 500)
      assert.match(String(id), /^[0-9a-z]+$/)
      assert.deepStrictEqual(rest, {
        type: "/docs/problems/internal-error",
        status: 500,
        title: "Something went wrong here",
      })
    }).pipe(Effect.provide(Service.layer(broken))),
  )
})

describe("a store that is down", () => {
  const down = Layer.effect(
    Store,
    Effect.gen(function* () {
      const { StoreUnavailable } = yield* Effect.promise(() => import("../../src/store/Store.ts"))
      const fail = Effect.fail(new StoreUnavailable({ reason: "told to be down" }))
      return Store.of({
        kind: "memory",
        read: () => fail,
        readMany: () => fail,
        compareMany: () => fail,
        write: () => fail,
        remove: () => fail,
        list: () => fail,
        count: fail,
        probe: fail,
      })
    }),
  )

  it.live("makes requests 503 with Retry-After and readiness degraded", () =>
    Effect.gen(function* () {
      for (const [method, path] of [
        ["GET", "/entries/a"],
        ["PUT", "/entries/a"],
        ["DELETE", "/entries/a"],
        ["GET", "/entries"],
      ] as const) {
        const reply = yield* send({ method, path })
        assert.deepStrictEqual(
          [reply.status, reply.headers["retry-after"], JSON.parse(reply.text).type],
          [503, "1", "/docs/problems/store-unavailable"],
        )
      }
      const ready = yield* send({ path: "/readyz" })
      assert.deepStrictEqual([ready.status, JSON.parse(ready.text).status], [200, "degraded"])
      assert.strictEqual((yield* send({ path: "/livez" })).status, 200)
      const backup = yield* send({ method: "POST", path: "/backup" })
      assert.strictEqual(JSON.parse(backup.text).stopped, "store-unavailable")
    }).pipe(Effect.provide(Service.layer(down))),
  )
})
