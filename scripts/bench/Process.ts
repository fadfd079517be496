/** Programs that are measured: started on free ports in empty directories, and gone when this process is. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { get } from "node:http"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"

export interface Program {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

export interface Running {
  readonly pid: number
  readonly port: number
  readonly stop: () => Promise<void>
}

/** What `npm run build` makes. */
export const BUILT = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

export const requireBuild = (): void => {
  if (existsSync(BUILT)) return
  console.error(`${BUILT} is missing: run npm run build first`)
  process.exit(1)
}

const POLL_MILLIS = 1
const START_MILLIS = 20_000
const STOP_MILLIS = 10_000

const children = new Set<ChildProcess>()
const directories = new Set<string>()

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1))

/** Ends the script, and so everything it started, when it takes longer than it should. */
export const endAfter = (millis: number): void => {
  setTimeout(() => {
    console.error(`given up: not done after ${millis / 1000} s`)
    process.exit(1)
  }, millis).unref()
}

export const isInstalled = (command: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** The child ends with this process at the latest; resolves when it has ended. */
export const track = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    const gone = () => {
      children.delete(child)
      resolve()
    }
    children.add(child)
    child.once("exit", gone)
    child.once("error", gone)
  })

/** An empty directory that is removed in the end. */
export const directory = (): string => {
  const made = mkdtempSync(join(tmpdir(), "cache-mechanism-bench-"))
  directories.add(made)
  return made
}

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
}

/** Starts a program with nothing in its environment but PATH and what is given, in a directory of its own. */
export const start = (program: Program, port: number): Running => {
  const child = spawn(program.command, program.args, {
    cwd: directory(),
    env: { PATH: process.env["PATH"], ...program.env },
    stdio: ["ignore", "ignore", "inherit"],
  })
  const ended = track(child)
  const stop = async () => {
    child.kill("SIGTERM")
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MILLIS)
    await ended
    clearTimeout(late)
  }
  if (child.pid === undefined) throw new Error(`${program.command} does not start`)
  return { pid: child.pid, port, stop }
}

const statusOf = (port: number, path: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode))
    })
    request.once("error", () => resolve(undefined))
  })

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true))
    socket.once("connect", () => socket.destroy())
    socket.once("error", () => resolve(false))
  })

const until = async ({ pid, port }: Running, isSo: (port: number) => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + START_MILLIS
  while (!(await isSo(port))) {
    if (performance.now() > deadline) throw new Error(`process ${pid} does not serve on port ${port}`)
    await sleep(POLL_MILLIS)
  }
}

/** Waits for the first 200. */
export const answers = (server: Running, path: string): Promise<void> =>
  until(server, async (port) => (await statusOf(port, path)) === 200)

/** Waits until it takes connections. */
export const listens = (server: Running): Promise<void> => until(server, isOpen)

/** Linux counts CPU time for `/proc` in hundredths of a second. */
const TICKS_PER_SECOND = 100
/** Places of utime and stime after the closing parenthesis of the name (proc_pid_stat(5), fields 14 and 15). */
const UTIME = 11
const STIME = 12

/** CPU seconds that all threads of a process have used, user and system. */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND
}

const KIB_PER_MIB = 1024

export const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / KIB_PER_MIB
