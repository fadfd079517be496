import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Cors from "../../src/http/Cors.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const PREFLIGHT = { origin: "https://app.example", "access-control-request-method": "PUT" }

const corsOf = ({ headers }: Service.Reply) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith("access-control-") || name === "vary"),
  )

describe("CORS", () => {
  it.live("is off unless it is asked for: OPTIONS says what a path takes, and nothing else", () =>
    Effect.gen(function* () {
      const preflight = yield* send({ method: "OPTIONS", path: "/entries/a", headers: PREFLIGHT })
      assert.deepStrictEqual(
        [preflight.status, preflight.headers["allow"], corsOf(preflight)],
        [204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", {}],
      )
      assert.deepStrictEqual(corsOf(yield* send({ path: "/stats", headers: PREFLIGHT })), {})
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )

  for (const hotPath of [true, false]) {
    it.live(`lets the pages of an origin ask and read, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        yield* send({ method: "PUT", path: "/entries/a", body: "v" })
        const preflight = yield* send({ method: "OPTIONS", path: "/entries/a", headers: PREFLIGHT })
        assert.strictEqual(preflight.status, 204)
        const cors = corsOf(preflight)
        assert.deepStrictEqual(
          [cors["access-control-allow-origin"], cors["access-control-allow-methods"], cors["vary"]],
          ["https://app.example", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", "Origin"],
        )
        for (const name of ["Authorization", "If-Match", "Content-Type"]) {
          assert.include(String(cors["access-control-allow-headers"]), name)
        }
        for (const path of ["/entries/a", "/entries/none", "/stats"]) {
          const reply = yield* send({ path, headers: { origin: "https://app.example" } })
          const { vary, ...headers } = corsOf(reply)
          assert.deepStrictEqual(
            [headers["access-control-allow-origin"], vary],
            ["https://app.example", "Origin"],
          )
          for (const name of ["ETag", "Age", "Cache-Status", "Location", "RateLimit"]) {
            assert.include(String(headers["access-control-expose-headers"]), name)
          }
        }
        const others = yield* send({ path: "/entries/a", headers: { origin: "https://other.example" } })
        assert.deepStrictEqual([others.status, corsOf(others)], [200, { vary: "Origin" }])
        assert.deepStrictEqual(corsOf(yield* send({ path: "/entries/a" })), { vary: "Origin" })
      }).pipe(
        Effect.provide(
          Service.layer(StoreMemory.layer, {
            hotPath,
            server: { corsOrigins: new Set(["https://app.example"]) },
          }),
        ),
      ),
    )
  }

  it.live("lets every page ask with *", () =>
    Effect.gen(function* () {
      const reply = yield* send({ path: "/stats", headers: { origin: "https://any.example" } })
      assert.deepStrictEqual(
        [corsOf(reply)["access-control-allow-origin"], corsOf(reply)["vary"]],
        ["*", undefined],
      )
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { server: { corsOrigins: "any" } }))),
  )

  it("takes * or origins", () => {
    assert.deepStrictEqual(Cors.parse(" * "), Option.some("any"))
    assert.deepStrictEqual(
      Cors.parse("https://A.example, http://localhost:3000,http://[::1]:80"),
      Option.some(new Set(["https://a.example", "http://localhost:3000", "http://[::1]:80"])),
    )
    for (const bad of [
      "",
      "a.example",
      "https://a.example/",
      "https://a.example,*",
      "https://a.example/x",
      "null",
    ]) {
      assert.isTrue(Option.isNone(Cors.parse(bad)), bad)
    }
  })
})

describe("a server without tokens on loopback", () => {
  const cases: ReadonlyArray<readonly [headers: Record<string, string>, parameter?: "Host" | "Origin"]> = [
    [{}],
    [{ host: "localhost" }],
    [{ host: "LocalHost:8000" }],
    [{ host: "127.8.9.1:1" }],
    [{ host: "[::1]:8000" }],
    [{ host: "rebound.example" }, "Host"],
    [{ host: "localhost.rebound.example:80" }, "Host"],
    [{ host: "127.0.0.1.rebound.example" }, "Host"],
    [{ host: "10.0.0.1" }, "Host"],
    [{ origin: "http://localhost:3000" }],
    [{ origin: "http://127.0.0.1" }],
    [{ origin: "https://allowed.example" }],
    [{ origin: "https://evil.example" }, "Origin"],
    [{ origin: "http://localhost.evil.example" }, "Origin"],
    [{ origin: "null" }, "Origin"],
  ]

  for (const hotPath of [true, false]) {
    it.live(`answers only this machine, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        yield* send({ method: "PUT", path: "/entries/a", body: "v" })
        for (const [headers, parameter] of cases) {
          for (const path of ["/entries/a", "/stats", "/livez"]) {
            const reply = yield* send({ path, headers })
            const shown = `${JSON.stringify(headers)} ${path}`
            assert.strictEqual(reply.status, parameter === undefined ? 200 : 403, shown)
            if (parameter === undefined) continue
            const problem = JSON.parse(reply.text)
            assert.deepStrictEqual(
              [problem.type, problem.parameter],
              ["/docs/problems/foreign-request", parameter],
              shown,
            )
          }
        }
        const write = {
          method: "PUT",
          path: "/entries/a",
          body: "w",
          headers: { origin: "https://evil.example" },
        }
        assert.strictEqual((yield* send(write)).status, 403)
        assert.strictEqual((yield* send({ path: "/entries/a" })).text, "v")
      }).pipe(
        Effect.provide(
          Service.layer(StoreMemory.layer, {
            hotPath,
            server: { localOnly: true, corsOrigins: new Set(["https://allowed.example"]) },
          }),
        ),
      ),
    )
  }
})
