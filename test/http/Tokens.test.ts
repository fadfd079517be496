import { join } from "node:path"
import { writeFileSync } from "node:fs"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Api, operations, Permission } from "../../src/http/api/Api.ts"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Access from "../../src/http/api/Access.ts"
import * as Caller from "../../src/http/Caller.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const typeOf = (reply: Service.Reply): string =>
  String(JSON.parse(reply.text).type).replace("/docs/problems/", "")

/** A request for an operation: any key, no body. */
const pathOf = (pattern: string): string => pattern.replace(/\{[a-z]+\}/gi, "some")

describe("what an operation needs", () => {
  it("is asked for by every operation of the contract, and only the probes are open", () => {
    const guarded: Array<string> = []
    HttpApi.reflect(Api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint, middleware }) => {
        assert.isTrue(
          [...middleware].some(({ key }) => key === Permission.key),
          endpoint.identifier,
        )
        guarded.push(`${endpoint.method} ${endpoint.path}`)
      },
    })
    assert.strictEqual(guarded.length, operations().length)
    const open = operations().filter(({ needs }) => needs.scope === "open")
    assert.deepStrictEqual(open.map(({ pattern }) => pattern).toSorted(), ["/livez", "/readyz"])
  })

  it("is the careful reading when nothing is said", () => {
    const of = (method: string, path: string) => {
      const { keys, scope } = Access.of({ method, path, annotations: Context.empty() })
      return [scope, keys]
    }
    assert.deepStrictEqual(of("GET", "/x"), ["read", "all"])
    assert.deepStrictEqual(of("HEAD", "/x/:key"), ["read", "path"])
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      assert.deepStrictEqual(of(method, "/x"), ["write", "all"])
    }
    assert.deepStrictEqual(of("QUERY", "/x"), ["admin", "all"])
    assert.deepStrictEqual(of("GET", "/x/:keys"), ["read", "all"])
  })

  it("is nothing that somebody outside a request has", () => {
    const caller = Context.get(Context.empty(), Caller.Caller)
    assert.deepStrictEqual(
      [caller.scopes.size, caller.mayTouch("a"), caller.mayTouchAll("")],
      [0, false, false],
    )
  })
})

describe("a file of tokens", () => {
  const [reader] = TokenFile.TOKENS
  const bad: ReadonlyArray<readonly [content: unknown, says: RegExp]> = [
    ["not an array", /^it must be a JSON array of/],
    [[], /^it must be a JSON array of/],
    [[{ ...reader, sha256: "super-secret-token" }], /^0\.sha256 must be the SHA-256/],
    [[{ ...reader, name: 'a"b' }], /^0\.name must be/],
    [[{ ...reader, scopes: [] }], /^0\.scopes must be/],
    [[{ ...reader, scopes: ["super-secret-token"] }], /^0\.scopes\.0 must be some of read, write, admin/],
    [[{ ...reader, prefixes: [] }], /^0\.prefixes must be/],
    [[{ ...reader, prefixes: [""] }], /^0\.prefixes\.0 must be/],
    [[{ ...reader, token: "super-secret-token" }], /and 0\.token is not$/],
    [[reader, { ...reader, sha256: TokenFile.sha256("x") }], /^the name reader is there twice$/],
    [[reader, { ...reader, name: "other" }], /^the token of other is there twice$/],
  ]

  it("is refused in one sentence that shows nothing of what came", () => {
    for (const [content, says] of bad) {
      const reason = Result.getOrElse(Result.flip(Tokens.parse(JSON.stringify(content))), () => "accepted")
      assert.match(reason, says)
      assert.notInclude(reason, "super-secret-token")
      assert.notInclude(reason, "\n")
    }
    assert.isTrue(Result.isFailure(Tokens.parse("{")))
    assert.isTrue(Result.isSuccess(Tokens.parse(JSON.stringify(TokenFile.TOKENS))))
  })

  it.live("that is bad or not there ends the start", () =>
    Effect.gen(function* () {
      const folder = yield* TokenFile.directory
      const path = join(folder, "tokens.json")
      const start = Effect.flip(
        Effect.provide(Effect.void, Service.layer(StoreMemory.layer, { server: { tokensFile: path } })),
      )
      assert.strictEqual((yield* start).message, `TOKENS_FILE ${path} cannot be used: ENOENT`)
      writeFileSync(path, "[]")
      assert.match((yield* start).message, /^TOKENS_FILE .+ cannot be used: it must be a JSON array/)
    }).pipe(Effect.scoped),
  )

  it("knows a token in any case of the scheme, and none that is not well-formed", () => {
    const tokens = Result.getSuccess(Tokens.parse(JSON.stringify(TokenFile.TOKENS)))
    const who = (authorization: string | undefined) => Tokens.identify(tokens, authorization).token
    assert.deepStrictEqual(
      [
        "Bearer token-of-reader",
        "bearer  token-of-reader ",
        "Bearer token-of-readers",
        "Bearer",
        "Basic token-of-reader",
        "Bearer token-of-reader, Bearer token-of-admin",
        undefined,
      ].map(who),
      ["known", "known", "unknown", "unknown", "unknown", "unknown", "missing"],
    )
    assert.strictEqual(Tokens.identify(Option.none(), "Bearer x").token, "not-needed")
  })
})

layer(TokenFile.service(), { excludeTestServices: true })("tokens", (service) => {
  service.effect("are asked for by every operation but the probes, and pages are open", () =>
    Effect.gen(function* () {
      for (const { method, needs, pattern } of operations()) {
        for (const headers of [{}, { authorization: "Bearer nobody" }]) {
          const reply = yield* send({ method, path: pathOf(pattern), headers })
          if (needs.scope === "open") {
            assert.strictEqual(reply.status, 200, pattern)
            continue
          }
          assert.strictEqual(reply.status, 401, `${method} ${pattern}`)
          assert.strictEqual(
            reply.headers["www-authenticate"],
            `Bearer realm="cache-mechanism"${"authorization" in headers ? ', error="invalid_token"' : ""}`,
          )
          if (method !== "HEAD") assert.strictEqual(typeOf(reply), "unauthorized")
        }
      }
      for (const path of ["/docs", "/docs/problems", "/docs/problems/unauthorized", "/openapi.json"]) {
        assert.strictEqual((yield* send({ path })).status, 200, path)
      }
    }),
  )

  service.effect("need the scope of the operation, which admin has always", () =>
    Effect.gen(function* () {
      for (const { method, needs, pattern } of operations()) {
        if (needs.scope === "open" || needs.streams) continue
        for (const { name, prefixes, scopes } of TokenFile.TOKENS) {
          if (prefixes !== undefined) continue
          const reply = yield* send({ method, path: pathOf(pattern), headers: TokenFile.as(name) })
          const may = scopes.includes("admin") || scopes.includes(needs.scope)
          assert.strictEqual(reply.status === 403, !may, `${name}: ${method} ${pattern}: ${reply.status}`)
          assert.notStrictEqual(reply.status, 401)
          if (!may && method !== "HEAD") {
            assert.deepStrictEqual(
              [typeOf(reply), JSON.parse(reply.text).scope],
              ["insufficient-scope", needs.scope],
            )
          }
          if (!may) assert.include(String(reply.headers["www-authenticate"]), `scope="${needs.scope}"`)
        }
      }
    }),
  )

  service.effect("of some prefixes touch no other keys", () =>
    Effect.gen(function* () {
      const headers = TokenFile.as("shop")
      yield* send({ method: "PUT", path: "/entries/secret", body: "v", headers: TokenFile.as("admin") })
      const create = (key: string) => ({
        method: "POST",
        path: "/entries",
        body: JSON.stringify({ key, value: 1 }),
        headers,
      })
      const cases: ReadonlyArray<readonly [outgoing: Service.Outgoing, status: number]> = [
        [{ method: "PUT", path: "/entries/shop%2Fa", body: "v", headers }, 201],
        [{ path: "/entries/shop%2Fa", headers }, 200],
        [{ path: "/entries/%73hop%2Fa", headers }, 200],
        [{ path: "/entries/cart%2Fnone", headers }, 404],
        [{ path: "/entries/secret", headers }, 403],
        [{ path: "/entries/%73ecret", headers }, 403],
        [{ method: "HEAD", path: "/entries/secret", headers }, 403],
        [{ method: "PUT", path: "/entries/secret", body: "w", headers }, 403],
        [{ method: "DELETE", path: "/entries/shop", headers }, 403],
        [create("shop/b"), 201],
        [create("secret2"), 403],
        [{ path: "/entries", headers }, 403],
        [{ path: "/entries?prefix=", headers }, 403],
        [{ path: "/entries?prefix=s", headers }, 403],
        [{ path: "/entries?prefix=shop/", headers }, 200],
        [{ path: "/entries?prefix=shop%2Fa", headers }, 200],
        [{ path: "/entries?prefix=shop/&prefix=", headers }, 403],
        [{ path: "/events", headers }, 403],
        [{ path: "/events?prefix=secret", headers }, 403],
        [{ path: "/stats", headers }, 200],
        [{ method: "DELETE", path: "/entries/shop%2Fa", headers }, 204],
      ]
      for (const [outgoing, status] of cases) {
        const reply = yield* send(outgoing)
        assert.strictEqual(reply.status, status, `${outgoing.method ?? "GET"} ${outgoing.path}`)
        if (status === 403 && outgoing.method !== "HEAD") assert.strictEqual(typeOf(reply), "key-not-allowed")
      }
      const still = yield* send({ path: "/entries/secret", headers: TokenFile.as("admin") })
      assert.strictEqual(still.text, "v")
    }),
  )

  service.effect("are asked for in a way that the typed client understands", () =>
    Effect.gen(function* () {
      const { url } = yield* Service.Service
      const client = yield* HttpApiClient.make(Api, { baseUrl: url })
      const missing = yield* Effect.flip(client.operations.getStats())
      assert.strictEqual("body" in missing && missing.body._tag, "UnauthorizedProblem")
      const asReader = yield* HttpApiClient.make(Api, {
        baseUrl: url,
        transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken("token-of-reader")),
      })
      assert.isAtLeast((yield* asReader.operations.getStats()).uptime, 0)
      const refused = yield* Effect.flip(asReader.operations.runBackup())
      assert.strictEqual("body" in refused && refused.body._tag, "InsufficientScopeProblem")
    }).pipe(Effect.provide(FetchHttpClient.layer)),
  )

  service.effect("are in the document, with what each operation answers because of them", () =>
    Effect.gen(function* () {
      const document = JSON.parse((yield* send({ path: "/openapi.json" })).text)
      assert.strictEqual(document.components.securitySchemes.bearer.scheme, "bearer")
      for (const { method, needs, pattern } of operations()) {
        const operation = document.paths[pattern][method.toLowerCase()]
        const security = needs.scope === "open" ? [] : [{ bearer: [needs.scope] }]
        assert.deepStrictEqual(operation.security, security, `${method} ${pattern}`)
        const statuses = Object.keys(operation.responses)
        for (const status of ["401", "429"]) {
          assert.strictEqual(
            statuses.includes(status),
            needs.scope !== "open",
            `${method} ${pattern} ${status}`,
          )
        }
        assert.include(statuses, "403")
        if (needs.scope !== "open") {
          assert.property(operation.responses["401"].headers, "www-authenticate")
          assert.property(operation.responses["429"].headers, "RateLimit")
        }
      }
    }),
  )
})

describe("without tokens", () => {
  it.live("everybody may everything, and the document says that a token is optional", () =>
    Effect.gen(function* () {
      const headers = { authorization: "Bearer whatever" }
      assert.strictEqual((yield* send({ method: "PUT", path: "/entries/a", body: "v", headers })).status, 201)
      assert.strictEqual((yield* send({ method: "POST", path: "/backup" })).status, 200)
      const document = JSON.parse((yield* send({ path: "/openapi.json" })).text)
      assert.deepStrictEqual(document.paths["/stats"].get.security, [{}, { bearer: ["read"] }])
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )
})
