/** Server-Sent Events over a real socket, fed by a real Redis. */
import { type IncomingMessage, request as httpRequest } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as StoreRedis from "../../src/store/StoreRedis.ts"
import * as TrackerRedis from "../../src/store/TrackerRedis.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Service from "./Service.ts"

interface Listener {
  /** Events so far, `event: data`. */
  readonly events: () => ReadonlyArray<string>
  readonly response: IncomingMessage
  readonly ended: () => boolean
  readonly until: (accept: (events: ReadonlyArray<string>) => boolean) => Effect.Effect<void>
}

const listen = (port: number, path: string) =>
  Effect.acquireRelease(
    Effect.callback<Listener>((resume) => {
      const request = httpRequest({ host: "127.0.0.1", port, path }, (response) => {
        let text = ""
        let ended = false
        let changed = () => {}
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          text += chunk
          changed()
        })
        response.on("close", () => {
          ended = true
          changed()
        })
        const events = () =>
          [...text.matchAll(/^event: (.+)\ndata: (.*)\n\n/gm)].map(([, name, data]) => `${name} ${data}`)
        const until: Listener["until"] = (accept) =>
          Effect.callback((done) => {
            changed = () => {
              if (!ended && !accept(events())) return
              done(Effect.void)
            }
            changed()
          })
        resume(Effect.succeed({ events, response, ended: () => ended, until }))
      })
      request.end()
    }),
    ({ response }) => Effect.sync(() => response.destroy()),
  )

const put = (key: string, body: string) =>
  Effect.flatMap(Service.Service, ({ send }) => send({ method: "PUT", path: `/entries/${key}`, body }))

describe("GET /events", () => {
  it.live("tells of our own writes under the prefix, beginning with a reset", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      const all = yield* listen(port, "/events")
      const some = yield* listen(port, "/events?prefix=a:")
      assert.match(String(all.response.headers["content-type"]), /^text\/event-stream/)
      assert.strictEqual(all.response.headers["cache-control"], "no-store")
      yield* put("b:1", "x")
      yield* put("a:1", "x")
      yield* all.until((events) => events.length === 3)
      yield* some.until((events) => events.length === 2)
      assert.deepStrictEqual(all.events(), [
        'reset {"reason":"subscribed"}',
        'invalidated {"key":"b:1"}',
        'invalidated {"key":"a:1"}',
      ])
      assert.deepStrictEqual(some.events(), ['reset {"reason":"subscribed"}', 'invalidated {"key":"a:1"}'])
    }).pipe(Effect.scoped, Effect.provide(Service.layer(StoreMemory.layer))),
  )

  it.live(
    "ends when the service does, without waiting",
    () =>
      Effect.gen(function* () {
        const listener = yield* Effect.flatMap(Service.Service, ({ port }) => listen(port, "/events")).pipe(
          Effect.provide(Service.layer(StoreMemory.layer)),
        )
        yield* listener.until(() => false)
        assert.isTrue(listener.ended())
      }).pipe(Effect.scoped),
    2_000,
  )

  const onRedis = Layer.unwrap(
    Effect.map(RedisServer.RedisServer, ({ url }) => {
      const redis = { url, keyPrefix: "", timeoutMillis: 1_000 }
      return Service.layer(StoreRedis.layer(redis), { tracker: TrackerRedis.layer(redis).pipe(Layer.orDie) })
    }),
  ).pipe(Layer.provideMerge(RedisServer.layer))

  it.live("tells of everybody's writes, and resets when it may have missed some", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { port } = yield* Service.Service
      const listener = yield* listen(port, "/events?prefix=k")
      const hears = (event: string) => listener.until((events) => events.includes(event))
      yield* cli("SET", "k:foreign", "1")
      yield* hears('invalidated {"key":"k:foreign"}')
      yield* cli("FLUSHALL")
      yield* hears('reset {"reason":"flushed"}')
      yield* cli("CLIENT", "KILL", "TYPE", "pubsub")
      yield* hears('reset {"reason":"connection closed"}')
      yield* hears('reset {"reason":"live again"}')
      yield* cli("DEL", "k:foreign")
      yield* cli("SET", "k:again", "1")
      yield* hears('invalidated {"key":"k:again"}')
    }).pipe(Effect.scoped, Effect.provide(onRedis)),
  )
})
