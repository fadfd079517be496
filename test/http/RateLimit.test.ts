import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RateLimit from "../../src/http/RateLimit.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

/** So long that nothing comes back during a test. */
const rateLimit = { count: 3, windowMillis: 3_600_000 }

const typeOf = (reply: Service.Reply): string =>
  String(JSON.parse(reply.text).type).replace("/docs/problems/", "")

describe("a limit", () => {
  it("counts each by themselves and forgets who has not asked for longest", () => {
    const limit = RateLimit.make({ count: 2, windowMillis: 1_000_000 }, 10)
    const allowed = (who: string) => limit.take(who, 0).allowed
    assert.deepStrictEqual(["a", "a", "a", "b", "b", "b"].map(allowed), [
      true,
      true,
      false,
      true,
      true,
      false,
    ])
    for (let index = 0; index < 1_000; index++) {
      assert.isTrue(allowed(`other ${index}`))
      assert.isFalse(allowed("a"), "who goes on asking is not forgotten")
      assert.isAtMost(limit.size(), 20)
    }
    assert.isTrue(allowed("b"), "forgotten, as others needed the room")
  })

  it("tells the policy and what is left", () => {
    const limit = RateLimit.make({ count: 4, windowMillis: 60_000 })
    assert.strictEqual(limit.policy, '"default";q=4;w=60')
    assert.deepStrictEqual(limit.take("a", 0), {
      allowed: true,
      rateLimit: '"default";r=3;t=15',
      retryAfter: "1",
    })
    for (let index = 0; index < 3; index++) limit.take("a", 0)
    assert.deepStrictEqual(limit.take("a", 1_000), {
      allowed: false,
      rateLimit: '"default";r=0;t=59',
      retryAfter: "14",
    })
  })

  it("takes an IPv6 network of 64 bits for one client", () => {
    const cases: ReadonlyArray<readonly [address: string | undefined, client: string]> = [
      ["10.0.0.1", "10.0.0.1"],
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["::1", "0:0:0:0"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
      ["2001:db8:1:2::6", "2001:db8:1:2"],
      ["2001:db8::6", "2001:db8:0:0"],
      ["fe80::1:2:3:4:5%eth0", "fe80:0:0:1"],
      [undefined, "unknown"],
    ]
    for (const [address, client] of cases) assert.strictEqual(RateLimit.clientOf(address), client)
  })
})

describe("requests beyond the limit", () => {
  for (const hotPath of [true, false]) {
    it.live(`are 429 and tell when to come back, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        yield* send({ method: "PUT", path: "/entries/a", body: "v" })
        const second = yield* send({ path: "/entries/a" })
        assert.deepStrictEqual(
          [second.status, second.headers["ratelimit-policy"], second.headers["ratelimit"]],
          [200, '"default";q=3;w=3600', '"default";r=1;t=2400'],
        )
        assert.strictEqual((yield* send({ path: "/nope" })).status, 404)
        for (const path of ["/entries/a", "/entries/b", "/nope", "/stats", "/metrics", "/docs"]) {
          const reply = yield* send({ path })
          assert.deepStrictEqual([reply.status, typeOf(reply)], [429, "rate-limited"], path)
          assert.match(String(reply.headers["ratelimit"]), /^"default";r=0;t=3[56]\d\d$/)
          const retryAfter = Number(reply.headers["retry-after"])
          assert.isTrue(retryAfter > 1_100 && retryAfter <= 1_200, String(retryAfter))
        }
        for (const path of ["/livez", "/readyz"]) {
          const probe = yield* send({ path })
          assert.deepStrictEqual([probe.status, probe.headers["ratelimit"]], [200, undefined])
        }
      }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { hotPath, server: { rateLimit } }))),
    )
  }

  it.live("are counted for each token, and for the address of who has none", () =>
    Effect.gen(function* () {
      const statuses = (headers: Record<string, string>) =>
        Effect.forEach([1, 2, 3, 4], () =>
          Effect.map(send({ path: "/stats", headers }), ({ status }) => status),
        )
      assert.deepStrictEqual(yield* statuses(TokenFile.as("reader")), [200, 200, 200, 429])
      assert.deepStrictEqual(yield* statuses(TokenFile.as("admin")), [200, 200, 200, 429])
      assert.deepStrictEqual(yield* statuses({ authorization: "Bearer guess" }), [401, 401, 401, 429])
      assert.deepStrictEqual(yield* statuses({}), [429, 429, 429, 429])
    }).pipe(Effect.provide(TokenFile.service({ server: { rateLimit } }))),
  )
})
