import { connect, type Socket } from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Store } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import { raw, statusesOf } from "./Raw.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

const typeOf = (reply: Service.Reply): string =>
  String(JSON.parse(reply.text).type).replace("/docs/problems/", "")

/** What an attacker hides in the body of another request. */
const HIDDEN = "DELETE /entries/victim HTTP/1.1\r\nHost: localhost\r\n\r\n"

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

layer(Service.layer(StoreMemory.layer), { excludeTestServices: true })(
  "requests made to be misread",
  (service) => {
    service.effect("are refused as a whole, and what they hide is not done", () =>
      Effect.gen(function* () {
        const { port } = yield* Service.Service
        yield* send({ method: "PUT", path: "/entries/victim", body: "alive" })
        const put = (headers: string, body: string) =>
          `PUT /entries/a HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`
        const length = `Content-Length: ${HIDDEN.length}`
        const cases: ReadonlyArray<readonly [name: string, bytes: string]> = [
          ["length and chunks", put("Content-Length: 5\r\nTransfer-Encoding: chunked", `0\r\n\r\n${HIDDEN}`)],
          ["chunks and length", put("Transfer-Encoding: chunked\r\nContent-Length: 5", `0\r\n\r\n${HIDDEN}`)],
          ["two lengths", put(`Content-Length: 0\r\n${length}`, HIDDEN)],
          ["two equal lengths", put(`${length}\r\n${length}`, HIDDEN)],
          ["a list of lengths", put(`Content-Length: 0, ${HIDDEN.length}`, HIDDEN)],
          ["a signed length", put(`Content-Length: +0`, HIDDEN)],
          ["a negative length", put(`Content-Length: -1`, HIDDEN)],
          ["a length in hex", put(`Content-Length: 0x0`, HIDDEN)],
          ["an unknown coding", put("Transfer-Encoding: xchunked", `0\r\n\r\n${HIDDEN}`)],
          ["identity", put("Transfer-Encoding: identity", HIDDEN)],
          ["chunked not last", put("Transfer-Encoding: chunked, identity", `0\r\n\r\n${HIDDEN}`)],
          ["a space before the colon", put("Transfer-Encoding : chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a space before the name", put(" Transfer-Encoding: chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a folded header", put("X: a\r\n Transfer-Encoding: chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a folded coding", put("Transfer-Encoding:\r\n chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a bare LF", put("X: a\nTransfer-Encoding: chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a bare CR", put("X: a\rTransfer-Encoding: chunked", `0\r\n\r\n${HIDDEN}`)],
          ["a NUL", put("X: a\0b", HIDDEN)],
          ["a chunk with a bad size", put("Transfer-Encoding: chunked", `0x0\r\n\r\n${HIDDEN}`)],
          [
            "a chunk longer than its size",
            put("Transfer-Encoding: chunked", `1\r\nab\r\n0\r\n\r\n${HIDDEN}`),
          ],
          ["a chunk ended by LF", put("Transfer-Encoding: chunked", `1\na\n0\n\n${HIDDEN}`)],
          ["LF only", put(length, HIDDEN).replaceAll("\r\n", "\n")],
          [
            "two hosts",
            `DELETE /entries/victim HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n`,
          ],
          ["a target without a slash", "DELETE entries/victim HTTP/1.1\r\nHost: localhost\r\n\r\n"],
          [
            "a target in authority-form",
            "DELETE localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
          ],
          ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
          ["HTTP/3.7", "DELETE /entries/victim HTTP/3.7\r\nHost: localhost\r\n\r\n"],
        ]
        for (const [name, bytes] of cases) {
          const text = yield* raw(port, bytes)
          const statuses = statusesOf(text)
          assert.isTrue(
            statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500),
            `${name}: ${statuses.join()}: ${text.slice(0, 200)}`,
          )
          assert.strictEqual((yield* send({ path: "/entries/victim" })).text, "alive", name)
        }
      }),
    )

    service.effect("are told from well-made ones that look unusual", () =>
      Effect.gen(function* () {
        const { port } = yield* Service.Service
        const close = "Connection: close\r\n"
        const cases: ReadonlyArray<readonly [name: string, bytes: string, status: number]> = [
          [
            "chunks",
            `PUT /entries/c HTTP/1.1\r\nHost: a\r\n${close}Transfer-Encoding: chunked\r\n\r\n${chunk("body")}0\r\n\r\n`,
            201,
          ],
          ["absolute-form", `GET http://any.example/entries/c HTTP/1.1\r\nHost: a\r\n${close}\r\n`, 200],
          [
            "absolute-form of another path",
            `GET http://any.example/stats HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
            200,
          ],
          [
            "absolute-form, escaped",
            `GET HTTP://any.example/entries/%63 HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
            200,
          ],
          [
            "absolute-form of a bad key",
            `GET http://any.example/entries/%zz HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
            400,
          ],
          ["absolute-form without a path", `GET http://any.example HTTP/1.1\r\nHost: a\r\n${close}\r\n`, 404],
          ["asterisk-form", `OPTIONS * HTTP/1.1\r\nHost: a\r\n${close}\r\n`, 204],
          [
            "an upgrade",
            `GET /entries/c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
            200,
          ],
          [
            "an upgrade to HTTP/2",
            `GET /entries/c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
            200,
          ],
        ]
        for (const [name, bytes, status] of cases) {
          assert.deepStrictEqual(statusesOf(yield* raw(port, bytes)), [status], name)
        }
      }),
    )

    service.effect("that ask for another protocol are answered like others, and end their connection", () =>
      Effect.gen(function* () {
        const { port } = yield* Service.Service
        for (const protocol of ["websocket", "h2c"]) {
          const text = yield* raw(
            port,
            `PUT /entries/upgrade-${protocol} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: 4\r\n\r\nbody` +
              `DELETE /entries/upgrade-${protocol} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
          )
          assert.deepStrictEqual(statusesOf(text), [201], protocol)
          assert.match(text, /connection: close/i)
          assert.strictEqual((yield* send({ path: `/entries/upgrade-${protocol}` })).text, "body")
        }
      }),
    )

    service.effect("of a long URL are 414, and of long headers 431", () =>
      Effect.gen(function* () {
        const long = yield* send({ path: `/entries?prefix=${"x".repeat(8_192)}` })
        assert.deepStrictEqual([long.status, typeOf(long)], [414, "uri-too-long"])
        assert.strictEqual((yield* send({ path: `/entries?prefix=${"x".repeat(8_000)}` })).status, 200)
        const { port } = yield* Service.Service
        const text = yield* raw(port, `GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`)
        assert.deepStrictEqual(statusesOf(text), [431])
      }),
    )
  },
)

/** A client that begins a request and says no more; how it ends, and when. */
const begin = (port: number, bytes: string) =>
  Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    let text = ""
    socket.on("data", (data) => {
      text += data.toString("latin1")
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  })

describe("slow clients", () => {
  it.live("are cut off, and others are answered meanwhile", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      const slow = yield* Effect.forkChild(
        Effect.all(
          [
            // A head that never ends,
            begin(port, "GET /entries/slow HTTP/1.1\r\nHost: a\r\nX-"),
            // eighty bodies that never come …
            ...Array.from({ length: 80 }, () =>
              begin(port, "PUT /entries/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab"),
            ),
            // … and one that comes in chunks.
            begin(
              port,
              "PUT /entries/slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
            ),
          ],
          { concurrency: "unbounded" },
        ),
      )
      for (let index = 0; index < 20; index++) {
        assert.strictEqual(
          (yield* send({ method: "PUT", path: `/entries/k${index}`, body: "v" })).status,
          201,
        )
      }
      assert.isUndefined(slow.pollUnsafe())
      const ends = yield* Fiber.join(slow)
      const [head = "", ...bodies] = ends
      assert.deepStrictEqual(statusesOf(head), [408])
      for (const text of bodies) {
        assert.deepStrictEqual(statusesOf(text), [503])
        assert.include(text, "/docs/problems/request-timeout")
        assert.match(text, /connection: close/i)
      }
      assert.strictEqual((yield* send({ path: "/entries/slow" })).status, 404)
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { server: { requestTimeoutMillis: 1_500 } }))),
  )

  for (const hotPath of [true, false]) {
    it.live(`that do not read their replies are cut off, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        const { port } = yield* Service.Service
        yield* send({ method: "PUT", path: "/entries/big", body: "x".repeat(1_000_000) })
        const received = yield* Effect.callback<number>((resume) => {
          const socket = connect({ port, host: "127.0.0.1" })
          let bytes = 0
          socket.pause()
          socket.write("GET /entries/big HTTP/1.1\r\nHost: a\r\n\r\n".repeat(30))
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.succeed(bytes)))
          // It begins to read when the server has long lost patience.
          const timer = setTimeout(() => {
            socket.on("data", (data) => {
              bytes += data.length
            })
            socket.resume()
            socket.end()
          }, 3_000)
          return Effect.sync(() => {
            clearTimeout(timer)
            socket.destroy()
          })
        })
        assert.isBelow(received, 25_000_000)
      }).pipe(
        Effect.provide(Service.layer(StoreMemory.layer, { hotPath, server: { requestTimeoutMillis: 500 } })),
      ),
    )
  }
})

describe("clients that are answered before their body has come", () => {
  it.live("are cut off as well", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      yield* send({ method: "PUT", path: "/entries/a", body: "v", headers: TokenFile.as("admin") })
      const reader = `Host: a\r\nAuthorization: ${TokenFile.as("reader")["authorization"]}`
      const body = "Content-Length: 10\r\n\r\nab"
      const ends = yield* Effect.all(
        [
          begin(port, `PUT /entries/a HTTP/1.1\r\nHost: a\r\n${body}`),
          begin(port, `GET /entries/a HTTP/1.1\r\n${reader}\r\n${body}`),
          begin(port, `PUT /entries/a HTTP/1.1\r\n${reader}\r\n${body}`),
          begin(port, `POST /nope HTTP/1.1\r\nHost: a\r\n${body}`),
          begin(port, `GET /livez HTTP/1.1\r\nHost: a\r\n${body}`),
          begin(port, `GET /events HTTP/1.1\r\nHost: a\r\n${body}`),
        ],
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(ends.map(statusesOf), [[401], [200], [403], [404], [200], [401]])
    }).pipe(Effect.provide(TokenFile.service({ server: { requestTimeoutMillis: 500 } }))),
  )
})

describe("more connections than may be open", () => {
  it.live("are closed at once, and those that are open are served", () =>
    Effect.gen(function* () {
      const { port } = yield* Service.Service
      const open = yield* Effect.acquireRelease(
        Effect.callback<Socket>((resume) => {
          const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.sync(() => socket.destroy()),
      )
      const REQUEST = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
      assert.strictEqual(yield* begin(port, REQUEST), "")
      const text = yield* Effect.callback<string>((resume) => {
        open.once("data", (data) => resume(Effect.succeed(data.toString())))
        open.write(REQUEST)
      })
      assert.deepStrictEqual(statusesOf(text), [200])
    }).pipe(
      Effect.scoped,
      Effect.provide(Service.layer(StoreMemory.layer, { server: { maxConnections: 1 } })),
    ),
  )
})

describe("more requests than may be under way", () => {
  /** Reads that never end. */
  const stuck = Layer.effect(
    Store,
    Effect.map(Store, (store) => Store.of({ ...store, list: () => Effect.never })),
  ).pipe(Layer.provide(StoreMemory.layer))

  it.live("are 503, while probes, plain hits and streams are answered", () =>
    Effect.gen(function* () {
      yield* send({ method: "PUT", path: "/entries/a", body: "v" })
      const { port } = yield* Service.Service
      const held = yield* Effect.forkChild(
        Effect.all(
          [1, 2].map(() => begin(port, "GET /entries HTTP/1.1\r\nHost: a\r\n\r\n")),
          { concurrency: "unbounded" },
        ),
      )
      const refusedSoon = Effect.gen(function* () {
        for (;;) {
          const reply = yield* send({ path: "/stats" })
          if (reply.status === 503) return reply
        }
      })
      const refused = yield* refusedSoon
      assert.deepStrictEqual(
        [typeOf(refused), JSON.parse(refused.text).max, refused.headers["retry-after"]],
        ["overloaded", 2, "1"],
      )
      assert.strictEqual((yield* send({ method: "PUT", path: "/entries/a", body: "w" })).status, 503)
      assert.strictEqual((yield* send({ path: "/livez" })).status, 200)
      assert.strictEqual((yield* send({ path: "/entries/a" })).text, "v")
      const stream = yield* raw(port, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n", (text) =>
        text.includes("reset"),
      )
      assert.deepStrictEqual(statusesOf(stream), [200])
      const ends = yield* Fiber.join(held)
      assert.deepStrictEqual(ends.map(statusesOf), [[503], [503]])
      assert.strictEqual((yield* send({ path: "/stats" })).status, 200)
    }).pipe(
      Effect.provide(Service.layer(stuck, { server: { maxConcurrent: 2, requestTimeoutMillis: 3_000 } })),
    ),
  )
})
