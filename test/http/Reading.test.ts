/** Reads over HTTP: freshness, conditions and what the replies say of the cache. */
import { assert, describe, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ChaosStore from "../cache/ChaosStore.ts"
import * as CacheStatus from "./CacheStatus.ts"
import * as Service from "./Service.ts"

const { Chaos, text } = ChaosStore

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const get = (key: string, headers: Record<string, string> = {}, method = "GET") =>
  send({ path: `/entries/${key}`, headers, method })

const reading = (key: string, directives: string, method = "GET") =>
  get(key, { "cache-control": directives }, method)

const write = (key: string, value: string) =>
  Effect.flatMap(Chaos, ({ foreign }) => Effect.orDie(foreign.write(key, text(value))))

const typeOf = ({ text: body }: Service.Reply): unknown => JSON.parse(body).type

const statusOf = ({ headers }: Service.Reply) => CacheStatus.check(headers["cache-status"]).parameters

/** A clock that goes on as it should, from wherever the test sets it forward to. */
let ahead = 0
const NANOS_PER_SECOND = 1_000_000_000n
const pass = (seconds: number) => Effect.sync(() => (ahead += seconds))
const shiftedClock = Layer.effect(
  Clock.Clock,
  Effect.map(Clock.Clock, (clock): Clock.Clock => {
    const millis = () => clock.currentTimeMillisUnsafe() + ahead * 1_000
    const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(ahead) * NANOS_PER_SECOND
    const monotonic = () => clock.monotonicTimeNanosUnsafe() + BigInt(ahead) * NANOS_PER_SECOND
    return {
      sleep: (duration) => clock.sleep(duration),
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic),
    }
  }),
)

const service = Service.layer(ChaosStore.layer).pipe(Layer.provideMerge(shiftedClock))

layer(service, { excludeTestServices: true })("reading over HTTP", (it) => {
  describe("Cache-Control of a request", () => {
    it.effect("chooses between L1 and the store, on GET and HEAD", () =>
      Effect.gen(function* () {
        for (const method of ["GET", "HEAD"]) {
          const key = `choose-${method}`
          const value = (reply: Service.Reply) =>
            method === "GET" ? reply.text : reply.headers["content-length"]
          yield* write(key, "1")
          yield* get(key)
          yield* write(key, "22")
          const [old, now] = method === "GET" ? ["1", "22"] : ["1", "2"]
          assert.strictEqual(value(yield* reading(key, "max-age=60", method)), old)
          const past = yield* reading(key, "no-store", method)
          assert.strictEqual(value(past), now)
          assert.deepStrictEqual(statusOf(past), { fwd: "request" })
          assert.strictEqual(value(yield* get(key, {}, method)), old)
          const refreshed = yield* reading(key, "no-cache", method)
          assert.strictEqual(value(refreshed), now)
          assert.deepStrictEqual(statusOf(refreshed), { fwd: "request", stored: true })
          assert.strictEqual(value(yield* get(key, {}, method)), now)
        }
      }),
    )

    it.effect("takes Pragma: no-cache where there is no Cache-Control", () =>
      Effect.gen(function* () {
        yield* write("pragma", "1")
        yield* get("pragma")
        yield* write("pragma", "2")
        const both = yield* get("pragma", { pragma: "no-cache", "cache-control": "max-age=60" })
        assert.strictEqual(both.text, "1")
        assert.strictEqual((yield* get("pragma", { pragma: "other" })).text, "1")
        assert.strictEqual((yield* get("pragma", { pragma: "x, No-Cache" })).text, "2")
      }),
    )

    it.effect(
      "is a 504 with only-if-cached when L1 has nothing that will do, remembered absences included",
      () =>
        Effect.gen(function* () {
          yield* write("only", "1")
          const refused = yield* reading("only", "only-if-cached")
          assert.deepStrictEqual([refused.status, typeOf(refused)], [504, "/docs/problems/not-cached"])
          assert.deepStrictEqual(statusOf(refused), { detail: "only-if-cached" })
          yield* get("only")
          assert.strictEqual((yield* reading("only", "only-if-cached")).text, "1")
          assert.strictEqual((yield* reading("only", "only-if-cached, max-age=0, min-fresh=301")).status, 504)
          assert.strictEqual((yield* reading("only", "ONLY-IF-CACHED, no-cache")).status, 504)
          yield* get("only-absent")
          const absent = yield* reading("only-absent", "only-if-cached")
          assert.strictEqual(absent.status, 404)
          assert.strictEqual(statusOf(absent)["hit"], true)
        }),
    )

    it.effect("ignores what requests do not have, and takes both forms of an argument", () =>
      Effect.gen(function* () {
        yield* write("forms", "1")
        yield* get("forms")
        yield* write("forms", "2")
        for (const directives of [
          "",
          ",",
          "private",
          "unheard-of",
          'unheard-of="a, no-cache"',
          "s-maxage=0",
          " , max-age=60 ,, Max-Stale ",
          'max-age="60"',
          "max-age=99999999999999999999",
          "no-transform,max-age=60",
        ]) {
          assert.strictEqual((yield* reading("forms", directives)).text, "1", directives)
        }
        // Of one that is given twice the stricter holds, in either order.
        yield* pass(5)
        for (const directives of ["max-age=1, max-age=60", "max-age=60, max-age=1"]) {
          assert.strictEqual((yield* reading("forms", directives)).text, "2", directives)
          yield* pass(5)
        }
      }),
    )

    it.effect("refuses a directive of requests that is not well-formed, naming it", () =>
      Effect.gen(function* () {
        for (const directives of [
          "max-age",
          "max-age=",
          "max-age=-1",
          "max-age=1.5",
          "max-age=x",
          'max-age="x"',
          "max-age=1 2",
          "max-stale=soon",
          "min-fresh",
          "stale-if-error",
          "no-cache=1",
          "no-store=yes",
          "only-if-cached=true",
          'x="unended',
          "=5",
          "no cache",
        ]) {
          for (const method of ["GET", "HEAD"]) {
            const reply = yield* reading("malformed", directives, method)
            assert.strictEqual(reply.status, 400, directives)
            if (method === "HEAD") continue
            const problem = JSON.parse(reply.text)
            assert.strictEqual(problem.parameter, "Cache-Control", directives)
            assert.include(directives, problem.received)
          }
        }
      }),
    )
  })

  describe("Cache-Status, Age and Expires", () => {
    it.effect("say of each reply how it was come by", () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos
        yield* write("status", "1")
        const miss = yield* get("status")
        assert.deepStrictEqual(statusOf(miss), { fwd: "uri-miss", stored: true })
        assert.strictEqual(miss.headers["age"], "0")
        yield* pass(29)
        const hit = yield* get("status")
        assert.isTrue(statusOf(hit)["hit"])
        assert.include([270, 271], statusOf(hit)["ttl"])
        assert.include(["29", "30"], hit.headers["age"])
        const known = yield* get("status", { "if-none-match": String(hit.headers["etag"]) })
        assert.strictEqual(known.status, 304)
        assert.isTrue(statusOf(known)["hit"])
        yield* pass(283)
        const stale = yield* reading("status", "max-stale=60")
        assert.include([-12, -13], statusOf(stale)["ttl"])
        assert.strictEqual(statusOf(stale)["detail"], "max-stale")
        assert.include(["312", "313"], stale.headers["age"])
        yield* chaos.down
        const failing = yield* get("status")
        assert.strictEqual(failing.status, 200)
        assert.include([-12, -13], statusOf(failing)["ttl"])
        assert.strictEqual(statusOf(failing)["detail"], "store-unavailable")
        for (const directives of [
          "no-cache",
          "no-store",
          "stale-if-error=5",
          "max-age=5",
          "stale-if-error=0",
        ]) {
          assert.strictEqual((yield* reading("status", directives)).status, 503, directives)
        }
        assert.strictEqual((yield* reading("status", "stale-if-error=60")).status, 200)
        yield* chaos.up
        assert.deepStrictEqual(statusOf(yield* get("status")), { fwd: "stale", stored: true })
        assert.deepStrictEqual(statusOf(yield* reading("status", "max-age=0, no-store")), { fwd: "request" })
        assert.deepStrictEqual(statusOf(yield* reading("unknown", "no-store")), { fwd: "uri-miss" })
      }),
    )

    it.effect("carry Date, and nothing that a browser could take for a page", () =>
      Effect.gen(function* () {
        yield* write("page", "<html><script>1</script></html>")
        for (const directives of ["no-cache", "max-age=60"]) {
          const { headers } = yield* reading("page", directives)
          assert.isTrue(Math.abs(Date.parse(String(headers["date"])) - Date.now()) < 60_000)
          assert.deepStrictEqual(
            [headers["content-type"], headers["x-content-type-options"], headers["cache-control"]],
            ["text/plain; charset=utf-8", "nosniff", "private, no-cache"],
          )
        }
      }),
    )

    it.effect("say that a reply was collapsed into another's question", () =>
      Effect.gen(function* () {
        const chaos = yield* Chaos
        yield* write("collapsed", "1")
        const misses = Effect.map(send({ path: "/stats" }), (reply) => Number(JSON.parse(reply.text).misses))
        const before = yield* misses
        const release = yield* chaos.holdReads
        const replies = yield* Effect.forkChild(
          Effect.all([get("collapsed"), get("collapsed")], { concurrency: 2 }),
        )
        yield* Effect.repeat(misses, { until: (now) => now === before + 2 })
        yield* release
        const statuses = (yield* Fiber.join(replies)).map(statusOf)
        assert.deepStrictEqual(
          statuses.toSorted((one, other) => Object.keys(one).length - Object.keys(other).length),
          [
            { fwd: "uri-miss", stored: true },
            { fwd: "uri-miss", stored: true, collapsed: true },
          ],
        )
      }),
    )

    it.effect("say when the store forgets the value, and not more than it says", () =>
      Effect.gen(function* () {
        yield* send({ method: "PUT", path: "/entries/expires?ttl=100s", body: "1" })
        const now = yield* Clock.currentTimeMillis
        for (const directives of ["max-age=60", "no-cache", "no-store"]) {
          const { headers } = yield* reading("expires", directives)
          const seconds = (Date.parse(String(headers["expires"])) - now) / 1_000
          assert.isTrue(seconds >= 98 && seconds <= 101, `${directives} ${seconds}`)
          assert.strictEqual(headers["age"], "0")
        }
        assert.isUndefined((yield* reading("status", "no-store")).headers["expires"])
      }),
    )
  })

  describe("conditions", () => {
    it.effect("If-Match on a read is a 412 with the tag unless one matches strongly", () =>
      Effect.gen(function* () {
        yield* write("match", "1")
        const etag = String((yield* get("match")).headers["etag"])
        for (const method of ["GET", "HEAD"]) {
          for (const [match, status] of [
            ["*", 200],
            [etag, 200],
            [`"x", ${etag}`, 200],
            [`W/${etag}`, 412],
            ['"x"', 412],
            ['W/"x", "y"', 412],
            ["x", 400],
          ] as const) {
            const reply = yield* get("match", { "if-match": match }, method)
            assert.strictEqual(reply.status, status, `${method} ${match}`)
            if (status === 412) assert.strictEqual(reply.headers["etag"], etag)
          }
        }
      }),
    )

    it.effect("come in the order of RFC 9110: 404, then If-Match, then If-None-Match", () =>
      Effect.gen(function* () {
        yield* write("order", "1")
        const etag = String((yield* get("order")).headers["etag"])
        const statuses = []
        for (const headers of [
          { "if-match": etag, "if-none-match": etag },
          { "if-match": '"x"', "if-none-match": etag },
          { "if-match": etag, "if-none-match": '"x"' },
          { "if-none-match": `W/${etag}` },
          { "if-none-match": "*" },
        ]) {
          statuses.push((yield* get("order", headers)).status)
        }
        assert.deepStrictEqual(statuses, [304, 412, 200, 304, 304])
        for (const headers of [{ "if-match": "*" }, { "if-none-match": "*" }, { "if-match": '"x"' }]) {
          assert.strictEqual((yield* get("order-none", headers)).status, 404)
        }
      }),
    )

    it.effect("on dates, and ranges, are not looked at, as values have neither", () =>
      Effect.gen(function* () {
        yield* write("dates", "12345")
        const etag = String((yield* get("dates")).headers["etag"])
        for (const headers of [
          { "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" },
          { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" },
          { "if-unmodified-since": "nonsense" },
          { range: "bytes=0-1" },
          { range: "bytes=100-200" },
          { range: "bytes=0-1", "if-range": etag },
        ]) {
          const reply = yield* get("dates", headers)
          const { "accept-ranges": ranges, "last-modified": modified } = reply.headers
          assert.deepStrictEqual([reply.status, reply.text, ranges], [200, "12345", "none"])
          assert.isUndefined(modified)
        }
        const put = { method: "PUT", path: "/entries/dates", body: "6" }
        const since = { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" }
        assert.strictEqual((yield* send({ ...put, headers: since })).status, 204)
      }),
    )
  })
})
