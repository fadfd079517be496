import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { L1 } from "../../src/cache/L1.ts"
import * as TrackerMemory from "../../src/store/TrackerMemory.ts"
import * as ChaosStore from "../cache/ChaosStore.ts"
import * as Service from "./Service.ts"

const { Chaos, text } = ChaosStore

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const explain = (key: string) =>
  Effect.map(
    send({ path: `/entries/${key}/explain` }),
    ({ status, text: body }): Record<string, unknown> => ({ ...JSON.parse(body), status }),
  )

const put = (key: string, body: string) => send({ method: "PUT", path: `/entries/${key}`, body })
const get = (key: string) => send({ path: `/entries/${key}` })

const pick = (explanation: Readonly<Record<string, unknown>>, ...names: ReadonlyArray<string>) =>
  names.map((name) => explanation[name])

const why = (key: string) =>
  Effect.map(explain(key), (explanation) =>
    pick(explanation, "status", "tier", "holds", "read", "reason", "isTrusted"),
  )

const tracked = Service.layer(ChaosStore.layer, { tracker: TrackerMemory.layer, maxEntries: 4 }).pipe(
  Layer.provideMerge(TrackerMemory.layer),
)

describe("GET /entries/{key}/explain", () => {
  it.live("tells of a copy in L1 what a read would do with it, and leaves no trace", () =>
    Effect.gen(function* () {
      const { current } = yield* L1
      yield* put("a%2Fb?ttl=100s", "value")
      const before = current()
      assert.deepStrictEqual(yield* why("a%2Fb"), [200, "l1", "value", "hit", "fresh", true])
      const explanation = yield* explain("%61%2fb")
      assert.strictEqual(current(), before)
      assert.deepStrictEqual(pick(explanation, "key", "size", "isAsked"), ["a/b", 5, false])
      assert.strictEqual(explanation["etag"], (yield* get("a%2Fb")).headers["etag"])
      for (const name of ["freshMillis", "storeTtlMillis", "graceMillis"]) {
        const millis = Number(explanation[name])
        assert.isTrue(millis > 60_000 && millis <= 100_000, `${name} ${millis}`)
      }
      assert.isTrue(Number(explanation["ageMillis"]) >= 0 && Number(explanation["ageMillis"]) < 40_000)
      assert.isAbove(Number(explanation["weight"]), 5)
    }).pipe(Effect.provide(tracked)),
  )

  it.live("tells a suspect copy from a fresh one", () =>
    Effect.gen(function* () {
      const { emit } = yield* TrackerMemory.Control
      yield* put("k", "value")
      emit({ _tag: "Lost", reason: "told to" })
      assert.deepStrictEqual(yield* why("k"), [200, "l1", "value", "miss", "suspect", false])
      const { ageMillis, epoch, freshMillis } = yield* explain("k")
      assert.strictEqual(Number(freshMillis) + Number(ageMillis), 0)
      emit({ _tag: "Live" })
      assert.deepStrictEqual(yield* why("k"), [200, "l1", "value", "miss", "suspect", false])
      assert.isAbove(Number((yield* explain("k"))["epoch"]), Number(epoch))
      yield* get("k")
      assert.deepStrictEqual(yield* why("k"), [200, "l1", "value", "hit", "fresh", true])
    }).pipe(Effect.provide(tracked)),
  )

  it.live("tells what was evicted from what was never held, and asks the store about both", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      const names = Array.from({ length: 12 }, (_, index) => `e${index}`)
      for (const name of names) yield* put(name, "value")
      const reasons = yield* Effect.forEach(names, why)
      const held = reasons.filter(([, , holds]) => holds === "value")
      assert.isTrue(held.length > 0 && held.length <= 4)
      assert.isTrue(reasons.some(([, , , , reason]) => reason === "evicted"))
      yield* foreign.write("never", text("value"))
      assert.deepStrictEqual(yield* why("never"), [200, "store", "nothing", "miss", "not-held", null])
      assert.deepStrictEqual(pick(yield* explain("never"), "size", "weight", "ageMillis"), [5, null, null])
    }).pipe(Effect.provide(tracked)),
  )

  it.live("tells of a remembered absence that the store has a value by now", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      yield* get("absent")
      assert.strictEqual((yield* explain("absent"))["status"], 404)
      yield* foreign.write("absent", text("value"))
      assert.deepStrictEqual(yield* why("absent"), [200, "store", "absence", "hit", "fresh", true])
    }).pipe(Effect.provide(tracked)),
  )

  it.live("is 404 when neither has it, 503 when the store must be asked and fails, 400 for a bad key", () =>
    Effect.gen(function* () {
      const { down } = yield* Chaos
      const missing = yield* explain("missing")
      assert.deepStrictEqual(pick(missing, "status", "type"), [404, "/docs/problems/entry-not-found"])
      yield* put("held", "value")
      yield* down
      assert.strictEqual((yield* explain("held"))["status"], 200)
      assert.strictEqual((yield* explain("missing"))["status"], 503)
      for (const bad of ["%zz", "%00", "__cache-mechanism:x"]) {
        assert.deepStrictEqual(pick(yield* explain(bad), "status", "parameter"), [400, "key"], bad)
      }
      const put405 = yield* send({ method: "PUT", path: "/entries/held/explain", body: "" })
      assert.deepStrictEqual([put405.status, put405.headers["allow"]], [405, "GET, HEAD, OPTIONS"])
    }).pipe(Effect.provide(tracked)),
  )
})
