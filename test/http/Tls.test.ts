import { writeFileSync } from "node:fs"
import { request } from "node:https"
import { connect } from "node:tls"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Certificates from "./Certificates.ts"
import * as Service from "./Service.ts"
import * as TokenFile from "./TokenFile.ts"

const write = (folder: string, { cert, key }: { readonly cert: string; readonly key: string }) => {
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  return files
}

/** A request over TLS that trusts one certificate only. */
const send = (port: number, ca: string, path: string) =>
  Effect.callback<
    { readonly status: number; readonly hsts: string | undefined; readonly text: string },
    Error
  >((resume) => {
    const outgoing = request({ host: "127.0.0.1", port, path, ca, agent: false }, (response) => {
      let text = ""
      response.on("data", (data: Buffer) => {
        text += data.toString()
      })
      response.on("end", () =>
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            hsts: response.headers["strict-transport-security"],
            text,
          }),
        ),
      )
    })
    outgoing.on("error", (error) => resume(Effect.fail(error)))
    outgoing.end()
  })

const start = (folder: string, files: { readonly cert: string; readonly key: string }) =>
  Effect.flip(Effect.provide(Effect.void, Service.layer(StoreMemory.layer, { server: { tls: files } }))).pipe(
    Effect.map(({ message }) => message.replaceAll(folder, "DIR")),
  )

describe("TLS", () => {
  for (const hotPath of [true, false]) {
    it.live(`serves over HTTPS only, in one write, ${hotPath ? "with" : "without"} the hot path`, () =>
      Effect.gen(function* () {
        const folder = yield* TokenFile.directory
        const tls = write(folder, Certificates.first)
        yield* Effect.gen(function* () {
          const { port } = yield* Service.Service
          const missing = yield* send(port, Certificates.first.cert, "/entries/a")
          assert.deepStrictEqual([missing.status, missing.hsts], [404, "max-age=31536000"])
          const put = yield* Effect.callback<string>((resume) => {
            const socket = connect({ host: "127.0.0.1", port, ca: Certificates.first.cert }, () =>
              socket.write(
                "PUT /entries/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nvGET /entries/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
              ),
            )
            let text = ""
            socket.on("data", (data) => {
              text += data.toString()
            })
            socket.on("close", () => resume(Effect.succeed(text)))
          })
          assert.match(put, /^HTTP\/1\.1 201 [^]+HTTP\/1\.1 200 [^]+\r\n\r\nv$/)
          const hit = yield* send(port, Certificates.first.cert, "/entries/a")
          assert.deepStrictEqual([hit.status, hit.hsts, hit.text], [200, "max-age=31536000", "v"])
        }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { hotPath, server: { tls } })))
      }).pipe(Effect.scoped),
    )
  }

  it.live("is not told to who asks without it", () =>
    Effect.gen(function* () {
      const service = yield* Service.Service
      const reply = yield* service.send({ path: "/livez" })
      assert.strictEqual(reply.headers["strict-transport-security"], undefined)
    }).pipe(Effect.provide(Service.layer(StoreMemory.layer))),
  )

  it.live("ends the start with one sentence when a file is bad", () =>
    Effect.gen(function* () {
      const folder = yield* TokenFile.directory
      const files = write(folder, Certificates.first)
      assert.match(
        yield* start(folder, { ...files, cert: join(folder, "none.pem") }),
        /^TLS_CERT DIR\/none\.pem cannot be used: ENOENT$/,
      )
      write(folder, { ...Certificates.first, cert: "no certificate" })
      assert.match(yield* start(folder, files), /^TLS_CERT DIR\/cert\.pem cannot be used: ERR_OSSL_PEM_\w+$/)
      write(folder, { ...Certificates.first, key: Certificates.second.key })
      assert.match(yield* start(folder, files), /^TLS_KEY DIR\/key\.pem cannot be used: ERR_OSSL_X509_\w+$/)
    }).pipe(Effect.scoped),
  )

  it.live(
    "takes a new certificate and new tokens when it is told to, and keeps the old when they are bad",
    () =>
      Effect.gen(function* () {
        const folder = yield* TokenFile.directory
        const tls = write(folder, Certificates.first)
        const tokensFile = join(folder, "tokens.json")
        TokenFile.write(tokensFile, [])
        const [reader] = TokenFile.TOKENS
        TokenFile.write(tokensFile, [reader])
        let reload = () => {}
        const onReload = (again: () => void) => {
          reload = again
        }
        yield* Effect.gen(function* () {
          const { port } = yield* Service.Service
          const served = (ca: string) => Effect.isSuccess(send(port, ca, "/livez"))
          const until = (ca: string) =>
            Effect.gen(function* () {
              while (!(yield* served(ca))) yield* Effect.sleep("10 millis")
            })
          assert.isTrue(yield* served(Certificates.first.cert))
          assert.isFalse(yield* served(Certificates.second.cert))

          write(folder, Certificates.second)
          reload()
          yield* until(Certificates.second.cert)
          assert.isFalse(yield* served(Certificates.first.cert))

          // A bad file of tokens keeps the certificate too: all or nothing.
          write(folder, Certificates.first)
          TokenFile.write(tokensFile, [])
          reload()
          yield* Effect.sleep("200 millis")
          assert.isTrue(yield* served(Certificates.second.cert))

          TokenFile.write(tokensFile, TokenFile.TOKENS)
          reload()
          yield* until(Certificates.first.cert)
        }).pipe(Effect.provide(Service.layer(StoreMemory.layer, { server: { tls, tokensFile, onReload } })))
      }).pipe(Effect.scoped),
  )
})
