/** What caches downstream are allowed. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChaosStore from "../cache/ChaosStore.ts"
import * as Service from "./Service.ts"

const { Chaos, text } = ChaosStore

const downstream = { maxAgeMillis: 10_000, staleWhileRevalidateMillis: 20_000, staleIfErrorMillis: 0 }

const get = (path: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(Service.Service, ({ send }) => send({ path: `/entries/${path}`, headers }))

/** The seconds that are left of `max-age`, and the rest. */
const left = ({ headers }: Service.Reply) => {
  const found = /^private, max-age=(\d+)(.*)$/.exec(String(headers["cache-control"]))
  return [Number(found?.[1]) - Number(headers["age"]), found?.[2]] as const
}

describe("Cache-Control for caches downstream", () => {
  for (const hotPath of [true, false]) {
    it.live(
      `lets them use a reply for so long and no longer than it is fresh here: hot path ${hotPath}`,
      () =>
        Effect.gen(function* () {
          const { foreign } = yield* Chaos
          const { send } = yield* Service.Service
          yield* foreign.write("k", text("1"))
          yield* get("k")
          const hit = yield* get("k")
          assert.deepStrictEqual(left(hit), [10, ", stale-while-revalidate=20"])
          const known = yield* get("k", { "if-none-match": String(hit.headers["etag"]) })
          assert.strictEqual(known.status, 304)
          assert.deepStrictEqual(left(known), [10, ", stale-while-revalidate=20"])
          yield* send({ method: "PUT", path: "/entries/short?ttl=4s", body: "1" })
          const [seconds] = left(yield* get("short"))
          assert.isTrue(seconds >= 0 && seconds <= 4, String(seconds))
        }).pipe(Effect.provide(Service.layer(ChaosStore.layer, { downstream, hotPath }))),
    )
  }

  it.live("makes them ask each time unless the operator says otherwise", () =>
    Effect.gen(function* () {
      const { foreign } = yield* Chaos
      yield* foreign.write("k", text("1"))
      for (const reply of [
        yield* get("k"),
        yield* get("k"),
        yield* get("k", { "cache-control": "no-store" }),
      ]) {
        assert.strictEqual(reply.headers["cache-control"], "private, no-cache")
      }
    }).pipe(Effect.provide(Service.layer(ChaosStore.layer))),
  )
})
