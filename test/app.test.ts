/** The program as it is shipped: built, started, killed, started again. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createHash } from "node:crypto"
import { request } from "node:http"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Certificates from "./http/Certificates.ts"

const root = new URL("..", import.meta.url).pathname
const BUILD_MILLIS = 60_000
const START_MILLIS = 20_000

let folder = ""
const started: Array<ChildProcess> = []

interface Program {
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly output: () => string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

const start = (environment: Record<string, string>, ...args: ReadonlyArray<string>): Program => {
  const child = spawn(process.execPath, [join(folder, "dist/main.js"), ...args], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      HOST: "127.0.0.1",
      PORT: "0",
      DATA_DIR: join(folder, "data"),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  })
  started.push(child)
  let output = ""
  const read = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on("data", read)
  child.stderr.on("data", read)
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on("close", (code, signal) => resolve(signal ?? code)),
  )
  return { child, output: () => output, ended }
}

/** The address that it logs once it listens. */
const listening = async (program: Program): Promise<string> => {
  for (;;) {
    const url = /listening on (http:\/\/[\d.]+:\d+)/.exec(program.output())?.[1]
    if (url !== undefined) return url
    const ended = await Promise.race([
      program.ended,
      new Promise((resolve) => setImmediate(resolve, "alive")),
    ])
    if (ended !== "alive") throw new Error(`it ended with ${String(ended)}: ${program.output()}`)
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cache-mechanism-app-"))
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  execFileSync(
    join(root, "node_modules/.bin/rolldown"),
    [join(root, "src/main.ts"), "--platform", "node", "--dir", join(folder, "dist")],
    { cwd: root, stdio: "ignore" },
  )
}, BUILD_MILLIS)

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
  rmSync(join(folder, "data"), { recursive: true, force: true })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the program", () => {
  it("keeps every acknowledged write through kill -9", { timeout: START_MILLIS }, async () => {
    const first = start({})
    const url = await listening(first)
    for (let index = 0; index < 100; index++) {
      const reply = await fetch(`${url}/entries/k${index}`, { method: "PUT", body: `value ${index}` })
      assert.strictEqual(reply.status, 201)
    }
    assert.strictEqual((await fetch(`${url}/entries/k7`, { method: "DELETE" })).status, 204)
    first.child.kill("SIGKILL")
    assert.strictEqual(await first.ended, "SIGKILL")

    const again = await listening(start({}))
    for (let index = 0; index < 100; index++) {
      const reply = await fetch(`${again}/entries/k${index}`)
      if (index === 7) assert.strictEqual(reply.status, 404)
      else assert.strictEqual(await reply.text(), `value ${index}`)
    }
  })

  it("does as its settings for conditions and downstream caches say", { timeout: START_MILLIS }, async () => {
    const url = await listening(start({ REQUIRE_CONDITIONS: "true", DOWNSTREAM_MAX_AGE: "10s" }))
    const put = (headers: Record<string, string>) =>
      fetch(`${url}/entries/k`, { method: "PUT", body: "v", headers })
    assert.strictEqual((await put({})).status, 428)
    assert.strictEqual((await put({ "if-none-match": "*" })).status, 201)
    const read = await fetch(`${url}/entries/k`)
    assert.match(String(read.headers.get("cache-control")), /^private, max-age=\d+$/)
  })

  it(
    "ends with 0 when it is told to stop, and leaves the data behind whole",
    { timeout: START_MILLIS },
    async () => {
      const program = start({})
      const url = await listening(program)
      await fetch(`${url}/entries/k`, { method: "PUT", body: "v" })
      program.child.kill("SIGTERM")
      assert.strictEqual(await program.ended, 0)
      assert.deepStrictEqual(readdirSync(join(folder, "data")), ["store.sqlite"])
    },
  )

  it("says in one sentence why it cannot start", { timeout: START_MILLIS }, async () => {
    const taken = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => taken.once("listening", resolve))
    const address = taken.address()
    const port = typeof address === "object" && address !== null ? String(address.port) : ""
    const holder = start({ DATA_DIR: join(folder, "data/held") })
    await listening(holder)
    const cases: ReadonlyArray<readonly [environment: Record<string, string>, says: RegExp]> = [
      [{ PORT: port }, /^cache-mechanism: cannot listen on 127\.0\.0\.1:\d+: the port is in use/],
      [{ HOST: "192.0.2.1", ALLOW_ANONYMOUS: "true" }, /^cache-mechanism: cannot listen on 192\.0\.2\.1:0: /],
      [{ CACHE_TTL: "5 parsecs" }, /^cache-mechanism: CACHE_TTL must be .*: received "5 parsecs"/],
      [
        { HOST: "0.0.0.0" },
        /^cache-mechanism: HOST must be a loopback address unless there is a TOKENS_FILE or ALLOW_ANONYMOUS=true/,
      ],
      [
        { TOKENS_FILE: "/dev/null/x" },
        /^cache-mechanism: TOKENS_FILE \/dev\/null\/x cannot be used: ENOTDIR$/m,
      ],
      [
        { TOKENS_FILE: "/dev/null" },
        /^cache-mechanism: TOKENS_FILE \/dev\/null cannot be used: it must be a JSON/,
      ],
      [{ TLS_CERT: "/dev/null" }, /^cache-mechanism: TLS_KEY must be a file, as TLS_CERT is given/],
      [
        { TLS_CERT: "/dev/null/x", TLS_KEY: "/dev/null" },
        /^cache-mechanism: TLS_CERT \/dev\/null\/x cannot be used: ENOTDIR$/m,
      ],
      [{ RATE_LIMIT: "fast" }, /^cache-mechanism: RATE_LIMIT must be a count and a duration such as/],
      [{ REDIS_URL: "http://secret@h" }, /^cache-mechanism: REDIS_URL must be (?!.*secret)/],
      [{ DATA_DIR: join(folder, "data/held") }, /^cache-mechanism: the store in DATA_DIR .* another process/],
      [
        { DATA_DIR: "/dev/null/x" },
        /^cache-mechanism: the store in DATA_DIR \/dev\/null\/x cannot be opened: /,
      ],
    ]
    for (const [environment, says] of cases) {
      const program = start(environment)
      assert.strictEqual(await program.ended, 1, JSON.stringify(environment))
      assert.match(program.output(), says)
      assert.strictEqual(program.output().trim().split("\n").length, 1, program.output())
    }
    taken.close()
  })

  it("refuses a command that it does not know", { timeout: START_MILLIS }, async () => {
    const program = start({}, "frobnicate")
    assert.strictEqual(await program.ended, 2)
    assert.match(program.output(), /^cache-mechanism: the only command is "serve": received "frobnicate"\n$/)
  })

  it(
    "takes new tokens on SIGHUP, keeps the old when they are bad, and shows none of them",
    { timeout: START_MILLIS },
    async () => {
      const path = join(folder, "tokens.json")
      const tokens = (...of: ReadonlyArray<string>) =>
        writeFileSync(
          path,
          JSON.stringify(of.map((name) => ({ name, sha256: sha256(`secret-${name}`), scopes: ["admin"] }))),
        )
      const statusOf = async (name: string) =>
        (
          await fetch(`${url}/entries/secret-key`, {
            method: "PUT",
            body: "secret-value",
            headers: { authorization: `Bearer secret-${name}` },
          })
        ).status
      const until = async (name: string, status: number) => {
        while ((await statusOf(name)) !== status) await new Promise((resolve) => setTimeout(resolve, 10))
      }
      tokens("first")
      const program = start({ TOKENS_FILE: path, ACCESS_LOG: "true", LOG_LEVEL: "debug" })
      const url = await listening(program)
      assert.strictEqual(await statusOf("first"), 201)
      assert.strictEqual(await statusOf("second"), 401)

      tokens("second")
      program.child.kill("SIGHUP")
      await until("second", 204)
      assert.strictEqual(await statusOf("first"), 401)

      writeFileSync(path, "[")
      program.child.kill("SIGHUP")
      while (!program.output().includes("stays in use")) await statusOf("second")
      assert.strictEqual(await statusOf("second"), 204)

      program.child.kill("SIGTERM")
      assert.strictEqual(await program.ended, 0)
      assert.include(program.output(), '"method":"PUT","route":"/entries/{key}","status":401,')
      assert.include(program.output(), '"caller":"second"}')
      assert.notInclude(program.output(), "secret")
    },
  )

  it("answers only this machine unless everybody may ask", { timeout: START_MILLIS }, async () => {
    const statusFor = (url: string, host: string) =>
      new Promise<number | undefined>((resolve, reject) =>
        request(`${url}/livez`, { headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on("error", reject)
          .end(),
      )
    const url = await listening(start({}))
    assert.deepStrictEqual(
      [await statusFor(url, "localhost"), await statusFor(url, "rebound.example")],
      [200, 403],
    )
    const open = await listening(start({ ALLOW_ANONYMOUS: "true", DATA_DIR: join(folder, "data/open") }))
    assert.strictEqual(await statusFor(open, "proxied.example"), 200)
  })

  it("says that it serves over HTTPS when it does", { timeout: START_MILLIS }, async () => {
    const files = { TLS_CERT: join(folder, "cert.pem"), TLS_KEY: join(folder, "key.pem") }
    writeFileSync(files.TLS_CERT, Certificates.first.cert)
    writeFileSync(files.TLS_KEY, Certificates.first.key)
    const program = start(files)
    while (!program.output().includes("listening on")) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.match(program.output(), /listening on https:\/\/127\.0\.0\.1:\d+, docs at https:/)
  })

  it("ends on SIGHUP when it has no file to read again", { timeout: START_MILLIS }, async () => {
    const program = start({})
    await listening(program)
    program.child.kill("SIGHUP")
    assert.strictEqual(await program.ended, "SIGHUP")
  })

  it("reads settings from .env where the environment has none", { timeout: START_MILLIS }, async () => {
    writeFileSync(join(folder, ".env"), 'CACHE_MAX_ENTRIES=7\nLOG_LEVEL="info"\nDATA_DIR=/dev/null/x\n')
    const url = await listening(start({}))
    rmSync(join(folder, ".env"))
    const stats: unknown = await (await fetch(`${url}/stats`)).json()
    assert.nestedPropertyVal(stats, "capacity.maxEntries", 7)
  })
})
