/** `PATCH /entries/{key}` on a real Redis that others write to as well. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Store from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Service from "./Service.ts"

const TIMEOUT_MILLIS = 5_000
/** Each of a hundred may be refused a hundred times. */
const LONG_MILLIS = 120_000

const storeOnRedis = Layer.unwrap(
  Effect.map(RedisServer.RedisServer, ({ url }) =>
    StoreRedis.layer({ url, keyPrefix: "", timeoutMillis: TIMEOUT_MILLIS }),
  ),
).pipe(Layer.provideMerge(RedisServer.layer))

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const MERGE_PATCH = { "content-type": "application/merge-patch+json" }

const patch = (key: string, body: string, headers: Record<string, string> = {}) =>
  send({ method: "PATCH", path: `/entries/${key}`, body, headers: { ...MERGE_PATCH, ...headers } })
const put = (key: string, body: string | Uint8Array) => send({ method: "PUT", path: `/entries/${key}`, body })
const get = (key: string) => send({ path: `/entries/${key}` })

const slug = ({ text }: Service.Reply): string =>
  String(JSON.parse(text).type).slice("/docs/problems/".length)

layer(Service.layer(storeOnRedis), { excludeTestServices: true })("PATCH", (test) => {
  test.effect("answers with the merged value and its tag, as the next read does", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* put("a%2Fb", '{"name":"rayban","price":{"eur":100,"usd":110},"old":1}')
      const reply = yield* patch("a%2Fb", '{"price":{"usd":null},"old":null,"new":[1]}')
      assert.deepStrictEqual(
        [reply.status, reply.text, reply.headers["content-type"], reply.headers["content-location"]],
        [200, '{"name":"rayban","price":{"eur":100},"new":[1]}', "application/json", "/entries/a%2Fb"],
      )
      const read = yield* get("a%2Fb")
      assert.deepStrictEqual([read.text, read.headers["etag"]], [reply.text, reply.headers["etag"]])
      assert.strictEqual(yield* cli("GET", "a/b"), reply.text)
    }),
  )

  test.effect("merges with what Redis holds, not with the copy in L1", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* put("foreign", '{"a":1}')
      yield* get("foreign")
      yield* cli("SET", "foreign", '{"b":2}')
      assert.strictEqual((yield* patch("foreign", '{"c":3}')).text, '{"b":2,"c":3}')
    }),
  )

  test.effect("keeps the expiry unless it is told another", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const millisLeft = Effect.map(cli("PTTL", "expiry"), Number)
      yield* put("expiry?ttl=1h", "{}")
      yield* patch("expiry", '{"a":1}')
      assert.isAbove(yield* millisLeft, 3_500_000)
      yield* patch("expiry?ttl=10m", '{"a":2}')
      const shortened = yield* millisLeft
      assert.isTrue(shortened > 500_000 && shortened <= 600_000, String(shortened))
      assert.strictEqual((yield* patch("expiry?ttl=x", '{"a":2}')).status, 400)
      assert.strictEqual((yield* patch("expiry?tll=1m", '{"a":2}')).status, 400)
    }),
  )

  test.effect("honours the conditions of the client, against what Redis holds", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const etag = String((yield* put("cond", '{"a":1}')).headers["etag"])
      const statuses = []
      for (const headers of [
        { "if-match": '"x"' },
        { "if-match": `W/${etag}` },
        { "if-none-match": "*" },
        { "if-none-match": `W/${etag}` },
        { "if-match": "nonsense" },
      ]) {
        statuses.push((yield* patch("cond", '{"b":1}', headers)).status)
      }
      assert.deepStrictEqual(statuses, [412, 412, 412, 412, 400])
      assert.strictEqual(yield* cli("GET", "cond"), '{"a":1}')
      const refused = yield* patch("cond", "{}", { "if-match": '"x"' })
      assert.deepStrictEqual([refused.headers["etag"], JSON.parse(refused.text).current], [etag, etag])
      assert.strictEqual((yield* patch("cond", '{"b":1}', { "if-match": `"x", ${etag}` })).status, 200)
      assert.strictEqual((yield* patch("cond", '{"b":2}', { "if-match": etag })).status, 412)
      assert.strictEqual((yield* patch("cond", '{"b":2}', { "if-match": "*" })).status, 200)
      assert.strictEqual((yield* patch("cond-none", "{}", { "if-match": "*" })).status, 404)
    }),
  )

  test.effect("refuses what it cannot merge without loss, and changes nothing", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      for (const value of [
        "no json",
        "",
        '{"a":12345678901234567890}',
        '{"a":1e400}',
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":2}',
        Uint8Array.from([0x22, 0xff, 0x22]),
      ]) {
        yield* put("lossy", value)
        const reply = yield* patch("lossy", '{"b":1}')
        assert.deepStrictEqual([reply.status, slug(reply)], [409, "not-mergeable"], String(value))
        assert.deepStrictEqual((yield* get("lossy")).bytes, Buffer.from(value))
      }
      yield* put("lossy", '{"a":1}')
      for (const body of [
        "no json",
        "",
        '{"a":12345678901234567890}',
        '{"a":1e400}',
        '{"a":{"b":1,"b":1}}',
        `${"[".repeat(2_000)}${"]".repeat(2_000)}`,
      ]) {
        const reply = yield* patch("lossy", body)
        assert.deepStrictEqual([reply.status, JSON.parse(reply.text).parameter], [400, "body"], body)
      }
      assert.strictEqual(yield* cli("GET", "lossy"), '{"a":1}')
      yield* cli("RPUSH", "list", "1")
      const list = yield* patch("list", "{}")
      assert.deepStrictEqual([list.status, slug(list)], [409, "wrong-type"])
      const missing = yield* patch("nothing-here", "{}")
      assert.deepStrictEqual([missing.status, slug(missing)], [404, "entry-not-found"])
    }),
  )

  test.effect("takes merge patches only, whole and within the bound", () =>
    Effect.gen(function* () {
      yield* put("bound", '{"a":1}')
      for (const headers of [
        { "content-type": "application/json" },
        { "content-type": "application/json-patch+json" },
        { "content-type": "application/x-www-form-urlencoded" },
        { "content-type": "" },
        { "content-encoding": "gzip" },
      ]) {
        const reply = yield* patch("bound", "{}", headers)
        assert.deepStrictEqual(
          [reply.status, slug(reply), reply.headers["accept-patch"]],
          [415, "unsupported-media-type", "application/merge-patch+json"],
        )
      }
      const typed = { "content-type": "Application/Merge-Patch+JSON; charset=utf-8" }
      assert.strictEqual((yield* patch("bound", "{}", typed)).status, 200)
      const part = yield* patch("bound", "{}", { "content-range": "bytes 0-1/2" })
      assert.deepStrictEqual([part.status, JSON.parse(part.text).parameter], [400, "Content-Range"])
      const half = "x".repeat(Service.MAX_VALUE_BYTES / 2)
      assert.strictEqual((yield* patch("bound", `{"b":"${half}"}`)).status, 200)
      const together = yield* patch("bound", `{"c":"${half}"}`)
      assert.deepStrictEqual([together.status, slug(together)], [413, "value-too-large"])
      assert.strictEqual((yield* patch("bound", `{"c":"${half}${half}"}`)).status, 413)
      assert.isTrue((yield* get("bound")).text.startsWith('{"a":1,"b":"x'))
    }),
  )

  test.effect(
    "loses no increment of 100 clients that read, then patch what they read",
    () =>
      Effect.gen(function* () {
        yield* put("counter", '{"n":0}')
        let refused = 0
        const increment: Effect.Effect<void, never, Service.Service> = Effect.gen(function* () {
          const { headers, text } = yield* send({
            path: "/entries/counter",
            headers: { "cache-control": "no-cache" },
          })
          const next = JSON.stringify({ n: Number(JSON.parse(text).n) + 1 })
          const { status } = yield* patch("counter", next, { "if-match": String(headers["etag"]) })
          if (status === 200) return
          assert.strictEqual(status, 412)
          refused++
          yield* increment
        })
        yield* Effect.forEach(Array.from({ length: 100 }), () => increment, {
          concurrency: 100,
          discard: true,
        })
        assert.strictEqual((yield* get("counter")).text, '{"n":100}')
        assert.isAbove(refused, 0)
      }),
    LONG_MILLIS,
  )

  test.effect("loses no member of 100 clients that patch without a condition, nor any foreign write", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* put("members", "{}")
      const members = Effect.forEach(
        Array.from({ length: 100 }),
        (_, index) => Effect.map(patch("members", `{"m${index}":${index}}`), ({ status }) => status),
        { concurrency: 100 },
      )
      // Adds a member as another program would: atomically, in Redis. Fewer times than a patch is tried.
      const script = `local v = redis.call('GET', KEYS[1])
        redis.call('SET', KEYS[1], (v == '{}' and '{' or v:sub(1, -2) .. ',') .. '"f' .. ARGV[1] .. '":1}')`
      const foreign = Effect.forEach(Array.from({ length: 20 }), (_, index) =>
        cli("EVAL", script, "1", "members", String(index)),
      )
      const [statuses] = yield* Effect.all([members, foreign], { concurrency: 2 })
      assert.deepStrictEqual([...new Set(statuses)], [200])
      assert.strictEqual(
        Object.keys(
          JSON.parse(
            (yield* send({ path: "/entries/members", headers: { "cache-control": "no-cache" } })).text,
          ),
        ).length,
        120,
      )
    }),
  )
})

describe("PATCH of a value that never stands still", () => {
  /** Somebody writes between each read and each write. */
  const restless = Layer.effect(
    Store.Store,
    Effect.map(Store.Store, (store) => {
      let writes = 0
      return Store.Store.of({
        ...store,
        write: (key, bytes, options) =>
          options?.condition === undefined
            ? store.write(key, bytes, options)
            : Effect.andThen(
                store.write(key, new TextEncoder().encode(`{"w":${writes++}}`)),
                store.write(key, bytes, options),
              ),
      })
    }),
  ).pipe(Layer.provide(StoreMemory.layer))

  it.live("ends with a 503 that says when to come back, and changes nothing", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      yield* store.write("k", new TextEncoder().encode("{}"))
      const reply = yield* patch("k", '{"a":1}')
      assert.deepStrictEqual(
        [reply.status, slug(reply), reply.headers["retry-after"]],
        [503, "contended", "1"],
      )
      const { text } = yield* send({ path: "/entries/k", headers: { "cache-control": "no-cache" } })
      assert.deepStrictEqual(Object.keys(JSON.parse(text)), ["w"])
    }).pipe(Effect.provide(Service.layer(restless))),
  )
})
