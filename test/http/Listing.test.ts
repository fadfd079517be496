/** Listings of L1 over HTTP, with a real Redis beneath and somebody else writing to it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as Coherent from "../coherence/Coherent.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Service from "./Service.ts"

interface Page {
  readonly entries: ReadonlyArray<{
    readonly key: string
    readonly size: number
    readonly ttlMillis: number | null
    readonly tier: string
  }>
  readonly cursor: string | null
  readonly skipped: number
}

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const put = (key: string, body = "v") => send({ method: "PUT", path: `/entries/${key}`, body })

const ask = (query: string) => send({ path: `/entries?${query}` })

const page = Effect.fnUntraced(function* (query: string) {
  const { status, text } = yield* ask(query)
  assert.strictEqual(status, 200, text)
  const read: Page = JSON.parse(text)
  return read
})

const refused = Effect.fnUntraced(function* (query: string) {
  const { headers, status, text } = yield* ask(query)
  assert.strictEqual(headers["content-type"], "application/problem+json")
  const { parameter, received, type }: Record<string, string> = JSON.parse(text)
  return { status, type, parameter, received }
})

const onRedis = Layer.unwrap(
  Effect.map(RedisServer.RedisServer, ({ url }) => {
    const redis = { url, keyPrefix: "", timeoutMillis: 1_000 }
    return Service.layer(StoreRedis.layer(redis), { tracker: TrackerRedis.layer(redis).pipe(Layer.orDie) })
  }),
).pipe(Layer.provideMerge(RedisServer.layer))

const inMemory = Service.layer(StoreMemory.layer)

const names = Array.from({ length: 200 }, (_, index) => `k${index}`)

/** Whether L1 would serve a value without asking. */
const isHeld = (key: string) =>
  Effect.map(Coherent.held(key), (found) => found !== "nothing" && found !== "absent")

/** Reads the keys until L1 holds them all, and no invalidation of before is on its way any more. */
const hold = Effect.fnUntraced(function* (keys: ReadonlyArray<string>) {
  const attempt = Effect.gen(function* () {
    yield* Coherent.fence
    for (const key of keys) yield* send({ path: `/entries/${key}` })
    return (yield* Effect.forEach(keys, isHeld)).every(Boolean)
  })
  yield* Effect.repeat(
    Effect.orElseSucceed(attempt, () => false),
    {
      until: (held) => held,
      schedule: Schedule.spaced("5 millis"),
    },
  )
})

describe("GET /entries?source=l1", () => {
  it.live("lists one instant while this process and others write", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      for (const name of names) yield* put(name)
      yield* hold(names)
      const first = yield* page("source=l1&limit=20")
      const found = [...first.entries]
      let { cursor } = first
      let step = 0
      while (cursor !== null) {
        const next = (offset: number) => `k${step * 20 + offset}`
        yield* put(`later${step}`)
        yield* put(next(0), "longer than it was")
        yield* send({ method: "DELETE", path: `/entries/${next(1)}` })
        yield* cli("SET", next(2), "somebody else's")
        yield* cli("DEL", next(3))
        if (step === 5) yield* cli("FLUSHALL")
        step++
        const reply: Page = yield* page(`source=l1&limit=20&cursor=${cursor}`)
        assert.isTrue(reply.entries.length <= 20)
        found.push(...reply.entries)
        ;({ cursor } = reply)
      }
      assert.isTrue(step >= 9)
      assert.deepStrictEqual(
        found.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
        names.toSorted().map((key) => ({ key, size: 1, ttlMillis: null, tier: "l1" })),
      )
      yield* Effect.repeat(isHeld("k199"), { until: (held) => !held, schedule: Schedule.spaced("5 millis") })
      assert.notInclude(
        (yield* page("source=l1&limit=1000")).entries.map(({ key }) => key),
        "k199",
      )
    }).pipe(Effect.scoped, Effect.provide(onRedis)),
  )

  it.live("lists what this process holds, not what Redis holds", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      yield* cli("SET", "a:theirs", "1")
      yield* cli("SET", "a:read", "12", "PX", "60000")
      yield* hold(["a:read"])
      yield* send({ path: "/entries/a:absent" })
      const { cursor, entries, skipped } = yield* page("source=l1&prefix=a:")
      assert.deepStrictEqual([cursor, entries.length, skipped], [null, 1, 0])
      const [entry] = entries
      assert.deepInclude(entry, { key: "a:read", size: 2, tier: "l1" })
      assert.isTrue(Number(entry?.ttlMillis) > 30_000 && Number(entry?.ttlMillis) <= 60_000)
      const keysOf = (listed: Page) => listed.entries.map(({ key }) => key).toSorted()
      const both = yield* page("prefix=a:&source=store")
      assert.deepStrictEqual(keysOf(both), ["a:read", "a:theirs"])
      assert.deepStrictEqual(keysOf(yield* page("prefix=a:")), keysOf(both))
    }).pipe(Effect.scoped, Effect.provide(onRedis)),
  )

  it.live(
    "refuses an unknown source, a cursor that is not its own, and one of a listing that has ended",
    () =>
      Effect.gen(function* () {
        for (const name of names) yield* put(name)
        const type = "/docs/problems/invalid-request"
        assert.deepStrictEqual(yield* refused("source=redis"), {
          status: 400,
          type,
          parameter: "source",
          received: "redis",
        })
        const ofL1 = (yield* page("source=l1&prefix=k&limit=5")).cursor
        const ofStore = (yield* page("prefix=k&limit=5")).cursor
        for (const [query, cursor] of [
          ["source=l1&prefix=k", "nonsense"],
          ["source=l1&prefix=k", ofStore],
          ["source=store&prefix=k", ofL1],
          ["prefix=k", ofL1],
          ["source=l1", ofL1],
          ["source=l1&prefix=k1", ofL1],
        ] as const) {
          assert.deepStrictEqual(
            yield* refused(`${query}&cursor=${cursor}`),
            { status: 400, type, parameter: "cursor", received: cursor?.slice(0, 100) },
            query,
          )
        }
        for (let other = 0; other < 16; other++) yield* page("source=l1&limit=5")
        assert.deepInclude(yield* refused(`source=l1&prefix=k&cursor=${ofL1}`), {
          status: 410,
          type: "/docs/problems/cursor-expired",
        })
      }).pipe(Effect.scoped, Effect.provide(inMemory)),
  )

  it.live("knows no cursor of a former process", () =>
    Effect.gen(function* () {
      const fill = Effect.forEach(names, (name) => put(name), { discard: true })
      const { cursor } = yield* Effect.provide(
        Effect.andThen(fill, page("source=l1&limit=5")),
        Layer.fresh(inMemory),
      )
      yield* Effect.gen(function* () {
        yield* fill
        yield* page("source=l1&limit=5")
        assert.deepInclude(yield* refused(`source=l1&cursor=${cursor}`), {
          status: 410,
          type: "/docs/problems/cursor-expired",
        })
      }).pipe(Effect.provide(Layer.fresh(inMemory)))
    }).pipe(Effect.scoped),
  )

  it.live("is in the document, with its refusals", () =>
    Effect.gen(function* () {
      const document = JSON.parse((yield* send({ path: "/openapi.json" })).text)
      const { description, parameters, responses } = document.paths["/entries"].get
      const source = parameters.find(({ name }: { name: string }) => name === "source")
      assert.deepStrictEqual(
        [source.in, source.required, source.schema.enum],
        ["query", false, ["store", "l1"]],
      )
      assert.match(JSON.stringify(source), /60 seconds/)
      assert.match(description, /one instant/)
      assert.deepStrictEqual(Object.keys(responses), ["200", "400", "401", "403", "410", "429", "500", "503"])
      assert.match(JSON.stringify(responses["410"]), /application\/problem\+json/)
      const problem = yield* send({ path: "/docs/problems/cursor-expired" })
      assert.match(problem.text, /410/)
    }).pipe(Effect.scoped, Effect.provide(inMemory)),
  )
})
