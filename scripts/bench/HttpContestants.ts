/** Who takes part in `http.ts`: how each is started for a row, and how it is asked. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Request } from "./Load.ts"
import * as Process from "./Process.ts"

export const ROWS = ["hit", "304", "miss", "put"] as const
export type Row = (typeof ROWS)[number]

export const isRow = (name: string): name is Row => ROWS.some((row) => row === name)

/** Whether Redis stands behind the service in a row; else its own store does. */
export const needsRedis = (row: Row): boolean => row === "miss" || row === "put"

export interface Contestant {
  readonly name: string
  readonly start: (row: Row, redis: Process.Running | undefined) => Promise<Process.Running>
  readonly read: Request
  readonly write: Request
  /** Answered with 200 once it serves. */
  readonly ready: string
  /** Part of all reads that its L1 answered. */
  readonly hitRatio?: (server: Process.Running) => Promise<number | undefined>
}

/** What a request of the row is answered with. */
export const expected: Readonly<Record<Row, ReadonlyArray<number>>> = {
  hit: [200],
  "304": [304],
  miss: [200],
  put: [200, 204],
}

const requests = (before: { readonly read: string; readonly write: string }, after = "") =>
  ({
    read: { method: "GET", before: before.read, after, body: "none", revalidate: false },
    write: { method: "PUT", before: before.write, after: "", body: "value", revalidate: false },
  }) as const

const ENTRIES = requests({ read: "/entries/", write: "/entries/" })

const startNode = async (file: string, env: Readonly<Record<string, string>>) => {
  const port = await Process.freePort()
  return Process.start({ command: process.execPath, args: [file], env: { ...env, PORT: String(port) } }, port)
}

/**
 * The service as it is built, with its defaults. Except: `hit` and `304` run on the embedded store with a TTL that outlasts the
 * run, and in `miss` L1 has room for one entry, so that a read of another key must ask the store.
 */
const hitRatioOf = async ({ port }: Process.Running): Promise<number | undefined> => {
  const reply = await fetch(`http://127.0.0.1:${port}/stats`)
  const { hits, misses }: { hits: number; misses: number } = await reply.json()
  return hits + misses === 0 ? undefined : hits / (hits + misses)
}

export const ours = (
  name: string,
  file: string,
  settings: Readonly<Record<string, string>> = {},
): Contestant => ({
  name,
  ...ENTRIES,
  ready: "/readyz",
  hitRatio: hitRatioOf,
  start: (row, redis) =>
    startNode(file, {
      DATA_DIR: Process.directory(),
      CACHE_TTL: "1 hour",
      ...(needsRedis(row) && redis !== undefined ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : {}),
      ...(row === "miss" ? { CACHE_MAX_ENTRIES: "1" } : {}),
      ...settings,
    }),
})

export const bare: Contestant = {
  name: "bare",
  ...ENTRIES,
  ready: "/",
  start: (row, redis) =>
    startNode(fileURLToPath(new URL("Bare.ts", import.meta.url)), {
      STORE: needsRedis(row) && redis !== undefined ? String(redis.port) : "map",
    }),
}

/** One thread, as Node has one. It has no cache: every GET asks Redis. `.txt`: the value and nothing around it. */
export const webdis: Contestant = {
  name: "webdis",
  ...requests({ read: "/GET/", write: "/SET/" }, ".txt"),
  ready: "/PING",
  start: async (_, redis) => {
    const port = await Process.freePort()
    const directory = Process.directory()
    const file = join(directory, "webdis.json")
    const settings = {
      redis_host: "127.0.0.1",
      redis_port: redis?.port,
      http_host: "127.0.0.1",
      http_port: port,
      threads: 1,
      daemonize: false,
      verbosity: 0,
      logfile: join(directory, "webdis.log"),
    }
    writeFileSync(file, JSON.stringify(settings))
    return Process.start({ command: "webdis", args: [file] }, port)
  },
}

export const startRedis = async (): Promise<Process.Running> => {
  const port = await Process.freePort()
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
  const redis = Process.start({ command: "redis-server", args }, port)
  await Process.listens(redis)
  return redis
}
