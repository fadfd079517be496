/** The service as the near cache of a real Redis, with somebody else writing to it. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Service from "./Service.ts"

const TIMEOUT_MILLIS = 500

const storeOnRedis = Layer.unwrap(
  Effect.map(RedisServer.RedisServer, ({ url }) =>
    StoreRedis.layer({ url, keyPrefix: "", timeoutMillis: TIMEOUT_MILLIS }),
  ),
).pipe(Layer.provideMerge(RedisServer.layer))

layer(Service.layer(storeOnRedis), { excludeTestServices: true })("the service on Redis", (it) => {
  const send = (outgoing: Service.Outgoing) =>
    Effect.flatMap(Service.Service, (service) => service.send(outgoing))
  const get = (key: string) => send({ path: `/entries/${key}` })
  const put = (key: string, body: string | Uint8Array) =>
    send({ method: "PUT", path: `/entries/${key}`, body })

  it.effect("writes the bytes that redis-cli would write, and reads those that it wrote", () =>
    Effect.gen(function* () {
      const { cli, raw } = yield* RedisServer.RedisServer
      yield* put("ours", '{"a":1}')
      yield* cli("SET", "theirs", '{"a":1}')
      assert.deepStrictEqual([yield* cli("GET", "ours"), yield* cli("TTL", "ours")], ['{"a":1}', -1])
      assert.strictEqual((yield* get("theirs")).text, '{"a":1}')
      const bytes = Uint8Array.from([0, 255, 13, 10, 128])
      yield* put("binary", bytes)
      assert.deepStrictEqual(yield* raw("GET", "binary"), Buffer.from(bytes))
    }),
  )

  it.effect("gives the value its expiry in Redis", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* send({ method: "PUT", path: "/entries/expiring?ttl=1h", body: "v" })
      const millis = Number(yield* cli("PTTL", "expiring"))
      assert.isTrue(millis > 3_500_000 && millis <= 3_600_000)
      yield* send({ method: "PUT", path: "/entries/expiring?ttl=keep", body: "w" })
      assert.isTrue(Number(yield* cli("PTTL", "expiring")) > 3_500_000)
      yield* put("expiring", "x")
      assert.strictEqual(yield* cli("PTTL", "expiring"), -1)
    }),
  )

  it.effect("shows what others changed, removed and added at the latest after a backup", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* put("changed", "1")
      yield* put("removed", "1")
      assert.strictEqual((yield* get("added")).status, 404)
      yield* cli("SET", "changed", "2")
      yield* cli("DEL", "removed")
      yield* cli("SET", "added", "3")
      assert.strictEqual((yield* send({ method: "POST", path: "/backup" })).status, 200)
      assert.strictEqual((yield* get("changed")).text, "2")
      assert.strictEqual((yield* get("removed")).status, 404)
      const added = yield* get("added")
      assert.strictEqual(added.text, "3")
      assert.match(String(added.headers["cache-status"]), /; hit;/)
    }),
  )

  it.effect("decides conditions against what Redis holds, whatever L1 has", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { headers } = yield* put("cas", "1")
      yield* cli("SET", "cas", "foreign")
      const refused = yield* send({
        method: "PUT",
        path: "/entries/cas",
        body: "2",
        headers: { "if-match": String(headers["etag"]) },
      })
      assert.strictEqual(refused.status, 412)
      assert.strictEqual(yield* cli("GET", "cas"), "foreign")
      assert.strictEqual((yield* get("cas")).text, "foreign")
    }),
  )

  it.effect("refuses a key that holds another type and leaves it alone", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("RPUSH", "list", "a")
      for (const method of ["GET", "PUT", "DELETE"]) {
        const reply = yield* send({ method, path: "/entries/list" })
        assert.deepStrictEqual(
          [reply.status, JSON.parse(reply.text).type],
          [409, "/docs/problems/wrong-type"],
          method,
        )
      }
      assert.strictEqual(yield* cli("LLEN", "list"), 1)
    }),
  )

  it.effect("says 507 when Redis has no room", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("CONFIG", "SET", "maxmemory", "1")
      const reply = yield* put("no-room", "v")
      yield* cli("CONFIG", "SET", "maxmemory", "0")
      assert.deepStrictEqual(
        [reply.status, JSON.parse(reply.text).type],
        [507, "/docs/problems/out-of-memory"],
      )
    }),
  )

  it.effect("says that it does not know when Redis stops in the middle of a write", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      yield* put("unknown", "1")
      yield* redis.pause
      const write = yield* put("unknown", "2")
      const read = yield* get("unknown")
      yield* redis.resume
      assert.deepStrictEqual(
        [write.status, write.headers["retry-after"], JSON.parse(write.text).type],
        [503, "1", "/docs/problems/outcome-unknown"],
      )
      assert.strictEqual(read.status, 503)
    }),
  )

  it.effect("goes on serving what L1 holds while Redis is gone, and heals", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.RedisServer
      const until = (accept: (reply: Service.Reply) => boolean, outgoing: Service.Outgoing) =>
        Effect.repeat(send(outgoing), { until: accept, schedule: Schedule.spaced("20 millis") })
      yield* until((reply) => reply.status === 201 || reply.status === 204, {
        method: "PUT",
        path: "/entries/held",
        body: "v",
      })
      yield* redis.stop
      yield* until((reply) => JSON.parse(reply.text).status === "degraded", { path: "/readyz" })
      const held = yield* get("held")
      assert.deepStrictEqual([held.status, held.text], [200, "v"])
      assert.strictEqual((yield* get("unheard-of")).status, 503)
      assert.strictEqual((yield* put("held-not", "v")).status, 503)
      yield* redis.start
      yield* until((reply) => JSON.parse(reply.text).status === "ready", { path: "/readyz" })
      assert.strictEqual((yield* put("held", "w")).status, 201)
      assert.strictEqual((yield* get("held")).text, "w")
    }),
  )
})
