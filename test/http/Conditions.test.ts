/** The conditions that an operator may demand. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const strict = Service.layer(StoreMemory.layer, { requireConditions: true })

const PATCH_TYPE = { "content-type": "application/merge-patch+json" }

describe("REQUIRE_CONDITIONS", () => {
  it.live("makes a change without a condition a 428 that changes nothing", () =>
    Effect.gen(function* () {
      const path = "/entries/k"
      for (const [method, headers] of [
        ["PUT", {}],
        ["PATCH", PATCH_TYPE],
        ["DELETE", {}],
        ["PUT", { "if-unmodified-since": "Fri, 01 Jan 2100 00:00:00 GMT" }],
      ] as const) {
        const reply = yield* send({ method, path, headers, body: "{}" })
        assert.deepStrictEqual(
          [reply.status, JSON.parse(reply.text).type],
          [428, "/docs/problems/precondition-required"],
          method,
        )
      }
      assert.strictEqual((yield* send({ path })).status, 404)
      const created = yield* send({ method: "PUT", path, headers: { "if-none-match": "*" }, body: "{}" })
      const match = { "if-match": String(created.headers["etag"]) }
      const patched = yield* send({
        method: "PATCH",
        path,
        headers: { ...PATCH_TYPE, ...match },
        body: '{"a":1}',
      })
      const removed = yield* send({
        method: "DELETE",
        path,
        headers: { "if-match": String(patched.headers["etag"]) },
      })
      assert.deepStrictEqual([created.status, patched.status, removed.status], [201, 200, 204])
      // Creating only is a condition in itself.
      const posted = yield* send({
        method: "POST",
        path: "/entries",
        headers: { "content-type": "application/json" },
        body: '{"key":"p","value":1}',
      })
      assert.strictEqual(posted.status, 201)
    }).pipe(Effect.provide(strict)),
  )

  it.live("is off unless it is asked for", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send({ method: "PUT", path: "/entries/k", body: "1" })).status, 201)
      assert.strictEqual((yield* send({ method: "DELETE", path: "/entries/k" })).status, 204)
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )
})
