/** Server processes: started when they answer, ended with the process that started them, however it ends. */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import * as RedisWire from "./RedisWire.ts"

export interface RedisProcess {
  readonly pid: number
  readonly port: number
  readonly signal: (name: "SIGSTOP" | "SIGCONT" | "SIGTERM") => void
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>
}

export interface Options {
  readonly binary: string
  readonly directory: string
  readonly args: ReadonlyArray<string>
  /** None: a free one. */
  readonly port?: number | undefined
}

const START_MILLIS = 20_000
const ATTEMPTS = 10
/** Printed once the port is bound. */
const STARTED = /server initialized|ready to accept connections|sentinel ID is/iu

/** Below the ports that systems hand out to clients, and with room above for a cluster bus (port + 10,000). */
const PORT_MIN = 10_000
const PORT_MAX = 32_000

export const start = async (options: Options): Promise<RedisProcess> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = options.port ?? (await freePort())
    const started = await startOn(port, options)
    if (started !== undefined) return started
    // A given port may still be held for a moment by the server that was there before.
    await delay(50)
  }
  throw new Error(`no port could be bound in ${ATTEMPTS} attempts`)
}

/** Undefined: somebody else has the port. */
const startOn = async (port: number, options: Options): Promise<RedisProcess | undefined> => {
  const child = spawn(
    options.binary,
    [
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      options.directory,
      // A replica keeps the file of its last full synchronisation, and would begin with it when it is restarted.
      "--rdb-del-sync-files",
      "yes",
      "--save",
      "",
      "--appendonly",
      "no",
    ].concat(options.args),
    { stdio: ["ignore", "pipe", "pipe"] },
  )
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += `${data}`))
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve())
    child.once("error", (error) => {
      output += error.message
      resolve()
    })
  })
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()))
  let gone = false
  void exited.then(() => (gone = true))
  const { pid } = child
  const watchdog = pid === undefined ? undefined : watch(pid)
  void exited.then(() => watchdog?.kill("SIGKILL"))

  const deadline = performance.now() + START_MILLIS
  while (!gone && performance.now() < deadline) {
    // Any answer is one, "LOADING" too. It must be ours: another server may have the port.
    const answered = await answers(port)
    if (answered && !gone && pid !== undefined && STARTED.test(output)) {
      return {
        pid,
        port,
        signal: (name) => void child.kill(name),
        kill: () => {
          child.kill("SIGKILL")
          return exited
        },
      }
    }
    await delay(5)
  }
  child.kill("SIGKILL")
  // What it said last comes after its end.
  await closed
  if (/address already in use/iu.test(output)) return undefined
  throw new Error(`${options.binary} did not start: ${output.trim().split("\n").slice(-3).join(" | ")}`)
}

const answers = (port: number): Promise<boolean> =>
  RedisWire.request(port, [["PING"]]).then(
    () => true,
    () => false,
  )

/** Waits for the end of its input, which comes with the end of this process, and then ends the server. */
const watch = (pid: number): ChildProcess => {
  const watchdog = spawn("sh", ["-c", `read -r _; kill -9 ${pid}`], {
    stdio: ["pipe", "ignore", "ignore"],
  })
  watchdog.unref()
  return watchdog
}

const freePort = async (): Promise<number> => {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    if (await isFree(port)) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
