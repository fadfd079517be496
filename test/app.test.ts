/** The program as it is shipped: built, started, killed, started again. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"

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
      [{ HOST: "0.0.0.0" }, /^cache-mechanism: HOST must be a loopback address unless ALLOW_ANONYMOUS=true/],
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

  it("reads settings from .env where the environment has none", { timeout: START_MILLIS }, async () => {
    writeFileSync(join(folder, ".env"), 'CACHE_MAX_ENTRIES=7\nLOG_LEVEL="info"\nDATA_DIR=/dev/null/x\n')
    const url = await listening(start({}))
    rmSync(join(folder, ".env"))
    const stats: unknown = await (await fetch(`${url}/stats`)).json()
    assert.nestedPropertyVal(stats, "capacity.maxEntries", 7)
  })
})
