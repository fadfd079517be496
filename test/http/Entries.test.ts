import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"

const problemOf = (reply: Service.Reply): Record<string, unknown> => {
  assert.strictEqual(reply.headers["content-type"], "application/problem+json")
  const body: Record<string, unknown> = JSON.parse(reply.text)
  assert.strictEqual(body["status"], reply.status)
  return body
}

const type = (reply: Service.Reply): string => String(problemOf(reply)["type"]).replace("/docs/problems/", "")

/** Keys that routers, proxies and careless code mistreat. */
const AWKWARD_KEYS = [
  "a/b",
  "a%b",
  "a%2Fb",
  "%",
  "a b",
  "é",
  "a?b#c",
  "a;b=1",
  "*",
  ":x",
  "..",
  "a+b",
  "a\nb",
  "a,b",
  "\u{1F600}",
  "e\u0301",
  "A",
  "a",
  "\u{10FFFF}",
  "x".repeat(1_024),
  "\u{1F600}".repeat(256),
]

const PATHS = AWKWARD_KEYS.map((key) => `/entries/${encodeURIComponent(key)}`)

layer(Service.layer(StoreMemory.layer), { excludeTestServices: true })("entries", (it) => {
  const send = (outgoing: Service.Outgoing) =>
    Effect.flatMap(Service.Service, (service) => service.send(outgoing))
  const put = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    send({ method: "PUT", path: `/entries/${path}`, body, headers })
  const get = (path: string, headers: Record<string, string> = {}) =>
    send({ path: `/entries/${path}`, headers })

  describe("GET", () => {
    it.effect("answers with the exact bytes and one of three media types", () =>
      Effect.gen(function* () {
        const bytes = Uint8Array.from([0, 1, 13, 10, 255, 254, 34])
        const cases = [
          ["json", '{"name":"rayban"}', "application/json"],
          ["number", "42", "application/json"],
          ["text", "grüße", "text/plain; charset=utf-8"],
          ["html", "<script>alert(1)</script>", "text/plain; charset=utf-8"],
          ["empty", "", "text/plain; charset=utf-8"],
          ["bom", "\uFEFFa", "text/plain; charset=utf-8"],
          ["binary", bytes, "application/octet-stream"],
        ] as const
        for (const [key, body, mediaType] of cases) {
          yield* put(key, body)
          const reply = yield* get(key)
          assert.deepStrictEqual(
            [reply.status, reply.headers["content-type"], reply.headers["x-content-type-options"]],
            [200, mediaType, "nosniff"],
          )
          assert.deepStrictEqual(reply.bytes, Buffer.from(body), key)
        }
      }),
    )

    it.effect("says how it knows: miss, then hit, each with age and tag", () =>
      Effect.gen(function* () {
        yield* put("status", "v")
        const hit = yield* get("status")
        assert.match(String(hit.headers["cache-status"]), /^cache-mechanism; hit; ttl=(299|300)$/)
        assert.strictEqual(hit.headers["age"], "0")
        assert.strictEqual(hit.headers["etag"], '"7a38d8cbd20d9932ba948efaa364bb62651d5ad4"')
        assert.strictEqual(hit.headers["cache-control"], "private, no-cache")
        assert.strictEqual(hit.headers["expires"], undefined)
        const absent = yield* get("not-there")
        assert.strictEqual(absent.headers["cache-status"], "cache-mechanism; fwd=uri-miss; stored")
        const again = yield* get("not-there")
        assert.match(String(again.headers["cache-status"]), /^cache-mechanism; hit; ttl=\d$/)
      }),
    )

    it.effect("tells when the store forgets the value", () =>
      Effect.gen(function* () {
        yield* put("expiring?ttl=1h", "v")
        const reply = yield* get("expiring")
        const seconds = (Date.parse(String(reply.headers["expires"])) - Date.now()) / 1_000
        assert.isTrue(seconds > 3_500 && seconds < 3_601, String(seconds))
      }),
    )

    it.effect("answers 304 to whom has the value, and the value to whom has another", () =>
      Effect.gen(function* () {
        const { headers } = yield* put("cond", "v")
        const etag = String(headers["etag"])
        for (const noneMatch of [etag, `W/${etag}`, `"x", ${etag}`, "*", ` ,${etag} , "y"`]) {
          const reply = yield* get("cond", { "if-none-match": noneMatch })
          assert.deepStrictEqual(
            [reply.status, reply.headers["etag"], reply.text],
            [304, etag, ""],
            noneMatch,
          )
        }
        assert.strictEqual((yield* get("cond", { "if-none-match": '"x"' })).status, 200)
        assert.strictEqual(type(yield* get("cond", { "if-none-match": "x" })), "invalid-request")
      }),
    )

    it.effect("answers a missing key with a problem", () =>
      Effect.gen(function* () {
        const reply = yield* get("nothing-here")
        assert.deepStrictEqual([reply.status, type(reply)], [404, "entry-not-found"])
      }),
    )

    it.effect("answers HEAD like GET, without a body", () =>
      Effect.gen(function* () {
        yield* put("head", "value")
        const reply = yield* send({ method: "HEAD", path: "/entries/head" })
        assert.deepStrictEqual([reply.status, reply.headers["content-length"], reply.text], [200, "5", ""])
        assert.strictEqual((yield* send({ method: "HEAD", path: "/entries/no-head" })).status, 404)
      }),
    )
  })

  describe("keys", () => {
    it.effect("keeps keys apart however they are spelled", () =>
      Effect.gen(function* () {
        for (const [index, path] of PATHS.entries()) {
          const reply = yield* send({ method: "PUT", path, body: `value ${index}` })
          assert.deepStrictEqual([reply.status, reply.headers["location"]], [201, path], path)
        }
        for (const [index, path] of PATHS.entries()) {
          assert.strictEqual((yield* send({ path })).text, `value ${index}`, path)
        }
        assert.strictEqual((yield* get("%61")).text, (yield* get("a")).text)
        assert.strictEqual((yield* get("a;b=1")).text, (yield* get("a%3Bb%3D1")).text)
      }),
    )

    it.effect("refuses what is no key, naming what came, and stores nothing", () =>
      Effect.gen(function* () {
        const bad = [
          "%zz",
          "%",
          "%ff",
          "%00",
          "a%00b",
          "x".repeat(1_025),
          "%C3%A9".repeat(513),
          "__cache-mechanism:x",
        ]
        for (const raw of bad) {
          for (const method of ["GET", "PUT", "DELETE", "HEAD"]) {
            const reply = yield* send({ method, path: `/entries/${raw}` })
            assert.strictEqual(reply.status, 400, `${method} ${raw.slice(0, 30)}`)
          }
          const { parameter, received } = problemOf(yield* get(raw))
          assert.deepStrictEqual([parameter, received], ["key", raw.slice(0, 100)])
        }
      }),
    )
  })

  describe("PUT", () => {
    it.effect("answers 201 with a location, then 204, both with the tag", () =>
      Effect.gen(function* () {
        const created = yield* put("twice", "a")
        const replaced = yield* put("twice", "b")
        assert.deepStrictEqual(
          [created.status, created.headers["location"], created.headers["content-length"], replaced.status],
          [201, "/entries/twice", "0", 204],
        )
        assert.match(String(replaced.headers["etag"]), /^"[0-9a-f]{40}"$/)
        assert.strictEqual((yield* get("twice")).text, "b")
      }),
    )

    it.effect("takes the ways to write a ttl, and refuses the others, naming what came", () =>
      Effect.gen(function* () {
        for (const ttl of ["5m", "250ms", "1h30m", "30", "2.5s", "5%20minutes", "keep"]) {
          assert.isTrue((yield* put(`ttl-ok?ttl=${ttl}`, "v")).status < 300, ttl)
        }
        for (const ttl of [
          "-1",
          "5%20parsecs",
          "0",
          "99999999999999999999",
          "",
          "NaN",
          "1e3",
          "Infinity",
          "0.1ms",
        ]) {
          const reply = yield* put(`ttl-bad?ttl=${ttl}`, "v")
          const { detail, parameter, received } = problemOf(reply)
          assert.deepStrictEqual(
            [reply.status, parameter, received],
            [400, "ttl", decodeURIComponent(ttl)],
            ttl,
          )
          assert.include(String(detail), "duration")
        }
        assert.strictEqual((yield* put("ttl-bad?ttl=1s&ttl=2s", "v")).status, 400)
        assert.strictEqual((yield* put("ttl-bad?tll=5m", "v")).status, 400)
        assert.strictEqual((yield* get("ttl-bad")).status, 404)
      }),
    )

    it.effect("checks a body that is declared as JSON, and stores nothing that is not", () =>
      Effect.gen(function* () {
        const json = { "content-type": "application/json; charset=utf-8" }
        for (const body of ["{bad", "", "{'a':1}", "[1,]"]) {
          const reply = yield* put("not-json", body, json)
          assert.deepStrictEqual([reply.status, problemOf(reply)["parameter"]], [400, "body"], body)
        }
        assert.strictEqual((yield* get("not-json")).status, 404)
        const deep = "[".repeat(5_000) + "]".repeat(5_000)
        for (const body of [
          '{"a":[1,2.50,-0,1e3,true,null]}',
          '"x"',
          "12345678901234567890",
          "1e400",
          deep,
        ]) {
          assert.isTrue((yield* put("json", body, json)).status < 300, body)
          assert.strictEqual((yield* get("json")).text, body)
        }
      }),
    )

    it.effect("takes up to the bound and refuses what is larger, however it is sent", () =>
      Effect.gen(function* () {
        const largest = "x".repeat(Service.MAX_VALUE_BYTES)
        assert.strictEqual((yield* put("largest", largest)).status, 201)
        assert.strictEqual((yield* get("largest")).text, largest)
        for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
          const reply = yield* put("larger", `${largest}x`, headers)
          assert.deepStrictEqual(
            [reply.status, problemOf(reply)["maxBytes"]],
            [413, Service.MAX_VALUE_BYTES],
            JSON.stringify(headers),
          )
        }
        assert.strictEqual((yield* get("larger")).status, 404)
        assert.strictEqual((yield* put("gzip", "x", { "content-encoding": "gzip" })).status, 415)
        const part = yield* put("part", "x", { "content-range": "bytes 0-0/2" })
        assert.deepStrictEqual([part.status, problemOf(part)["parameter"]], [400, "Content-Range"])
        assert.strictEqual((yield* get("part")).status, 404)
      }),
    )

    it.effect("waits for the client when it asks whether to go on", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* put("expect", "v", { expect: "100-continue" })).status, 201)
      }),
    )

    it.effect("creates only, replaces only, and compares, as the store decides", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* put("cas", "1", { "if-match": "*" })).status, 412)
        const created = yield* put("cas", "1", { "if-none-match": "*" })
        assert.strictEqual(created.status, 201)
        const etag = String(created.headers["etag"])
        const refused = yield* put("cas", "2", { "if-none-match": "*" })
        assert.deepStrictEqual(
          [refused.status, type(refused), refused.headers["etag"], problemOf(refused)["current"]],
          [412, "precondition-failed", etag, etag],
        )
        assert.strictEqual((yield* put("cas", "2", { "if-match": '"other"' })).status, 412)
        assert.strictEqual((yield* put("cas", "2", { "if-match": `W/${etag}` })).status, 412)
        assert.strictEqual((yield* put("cas", "2", { "if-none-match": etag })).status, 412)
        assert.strictEqual((yield* put("cas", "2", { "if-match": "nonsense" })).status, 400)
        assert.strictEqual((yield* put("cas", "2", { "if-match": `"other", ${etag}` })).status, 204)
        assert.strictEqual((yield* get("cas")).text, "2")
      }),
    )

    it.effect("loses no increment of many clients that compare and set", () =>
      Effect.gen(function* () {
        yield* put("counter", "0")
        const increment: Effect.Effect<void, never, Service.Service> = Effect.gen(function* () {
          const { headers, text } = yield* get("counter")
          const reply = yield* put("counter", String(Number(text) + 1), {
            "if-match": String(headers["etag"]),
          })
          if (reply.status === 412) yield* increment
        })
        yield* Effect.forEach(Array.from({ length: 40 }), () => increment, { concurrency: 10 })
        assert.strictEqual((yield* get("counter")).text, "40")
      }),
    )
  })

  describe("DELETE", () => {
    it.effect("removes once, and only what the condition selects", () =>
      Effect.gen(function* () {
        const { headers } = yield* put("gone", "v")
        const remove = (condition: Record<string, string> = {}) =>
          send({ method: "DELETE", path: "/entries/gone", headers: condition })
        assert.strictEqual((yield* remove({ "if-match": '"other"' })).status, 412)
        assert.strictEqual((yield* remove({ "if-match": String(headers["etag"]) })).status, 204)
        assert.strictEqual((yield* get("gone")).status, 404)
        const again = yield* remove()
        assert.deepStrictEqual([again.status, type(again)], [404, "entry-not-found"])
        // What would be a 404 anyway stays one (RFC 9110 section 13.2.1).
        assert.strictEqual((yield* remove({ "if-match": "*" })).status, 404)
      }),
    )
  })

  describe("POST", () => {
    const post = (body: string, headers: Record<string, string> = { "content-type": "application/json" }) =>
      send({ method: "POST", path: "/entries", body, headers })

    it.effect("creates a JSON value once", () =>
      Effect.gen(function* () {
        const created = yield* post('{"key":"posted/1","value":{"a":1},"ttl":"1h"}')
        assert.deepStrictEqual([created.status, created.headers["location"]], [201, "/entries/posted%2F1"])
        assert.strictEqual((yield* get("posted%2F1")).text, '{"a":1}')
        const again = yield* post('{"key":"posted/1","value":2}')
        assert.deepStrictEqual([again.status, type(again)], [409, "entry-exists"])
        assert.strictEqual((yield* post('{"key":"posted-null","value":null}')).status, 201)
      }),
    )

    it.effect("refuses what is not as documented, naming it", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [body: string, parameter: string]> = [
          ["{bad", "body"],
          ["[]", "body"],
          ["", "body"],
          ['{"value":1}', "key"],
          ['{"key":"k"}', "value"],
          ['{"key":"","value":1}', "key"],
          ['{"key":5,"value":1}', "key"],
          ['{"key":"k","value":1,"ttl":"5 parsecs"}', "ttl"],
          ['{"key":"k","value":1,"extra":1}', "extra"],
          ['{"key":"k","value":12345678901234567890}', "body"],
          ['{"key":"k","value":[1e400]}', "body"],
          ['{"key":"k","value":0.1000000000000000055}', "body"],
          ['{"key":"k","value":1,"value":2}', "body"],
          ['{"key":"k","value":{"a":1,"\\u0061":2}}', "body"],
          [`{"key":"k","value":${"[".repeat(1_001)}${"]".repeat(1_001)}}`, "body"],
          [`{"key":"k","value":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, "body"],
        ]
        for (const [body, parameter] of cases) {
          const reply = yield* post(body)
          assert.deepStrictEqual([reply.status, problemOf(reply)["parameter"]], [400, parameter], body)
        }
        assert.strictEqual(problemOf(yield* post('{"key":"k","value":1,"ttl":"-1"}'))["received"], '"-1"')
        assert.strictEqual(problemOf(yield* post("{bad"))["received"], "{bad")
        assert.strictEqual((yield* post("<a/>", { "content-type": "text/xml" })).status, 415)
        assert.strictEqual((yield* get("k")).status, 404)
        const large = yield* post(`{"key":"k","value":"${"x".repeat(Service.MAX_VALUE_BYTES)}"}`)
        assert.strictEqual(large.status, 413)
      }),
    )
  })

  describe("listing", () => {
    it.effect("goes through all keys under a prefix, page by page", () =>
      Effect.gen(function* () {
        const names = Array.from({ length: 25 }, (_, index) => `list:${String(index).padStart(2, "0")}`)
        for (const name of names) yield* put(encodeURIComponent(name), "12345")
        const found: Array<string> = []
        let cursor: string | null = ""
        let pages = 0
        while (cursor !== null) {
          const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`
          const reply: Service.Reply = yield* send({ path: `/entries?prefix=list:&limit=10${from}` })
          assert.strictEqual(reply.status, 200)
          const page: {
            entries: ReadonlyArray<{ key: string; size: number; tier: string; ttlMillis: number | null }>
            cursor: string | null
          } = JSON.parse(reply.text)
          assert.isTrue(page.entries.length <= 10)
          assert.isTrue(
            page.entries.every(
              ({ size, tier, ttlMillis }) => size === 5 && tier === "l1" && ttlMillis === null,
            ),
          )
          found.push(...page.entries.map(({ key }) => key))
          cursor = page.cursor
          pages++
        }
        assert.deepStrictEqual([found.toSorted(), pages], [names, 3])
      }),
    )

    it.effect("refuses a bad limit, cursor or parameter, naming what came", () =>
      Effect.gen(function* () {
        for (const [query, parameter, received] of [
          ["limit=0", "limit", "0"],
          ["limit=1001", "limit", "1001"],
          ["limit=ten", "limit", "ten"],
          ["limit=1.5", "limit", "1.5"],
          ["limit=0x10", "limit", "0x10"],
          ["limit=1e2", "limit", "1e2"],
          ["prefix=%ff", "query", "?prefix=%ff"],
          ["cursor=nonsense", "cursor", "nonsense"],
          ["perfix=a", "perfix", "a"],
        ] as const) {
          const reply = yield* send({ path: `/entries?${query}` })
          const problem = problemOf(reply)
          assert.deepStrictEqual(
            [reply.status, problem["parameter"], problem["received"]],
            [400, parameter, received],
          )
        }
      }),
    )
  })
})
