/**
 * Load on an HTTP server, made in a process of its own: raw sockets, one request in flight on each.
 *
 * The requests are strings made beforehand, and of a reply only the status, the length and (while every key is
 * visited) the ETag are read. In a closed loop a connection asks again when it has been answered, so latencies
 * are those of a saturated server; in an open one requests are due at a fixed rate.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Conversation, type Reply } from "./Conversation.ts"
import * as Process from "./Process.ts"

/** A request about a key: `${method} ${before}${key}${after}`. */
export interface Request {
  readonly method: "GET" | "PUT" | "POST"
  readonly before: string
  readonly after: string
  /** What it carries: the key's value, or `BATCH` reads, of which this key is the first. */
  readonly body: "none" | "value" | "batch"
  /** Lines of the head besides. */
  readonly headers?: ReadonlyArray<string>
  /** Sends `If-None-Match` with the ETag that the last visit of the key brought. */
  readonly revalidate: boolean
}

export interface Job {
  readonly port: number
  readonly request: Request
  readonly order:
    /** Every key once. */
    | { readonly _tag: "Each" }
    /** Random keys until time is up, as fast as they are answered. */
    | { readonly _tag: "Random"; readonly millis: number }
    /** Random keys, so many a second. */
    | { readonly _tag: "Rate"; readonly perSecond: number; readonly millis: number }
}

export interface Result {
  readonly requests: number
  readonly seconds: number
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

export const CONNECTIONS = 64
export const KEYS = 10_000
export const VALUE_BYTES = 60

const KEY_DIGITS = 5

export const keyAt = (index: number): string => `key-${String(index).padStart(KEY_DIGITS, "0")}`

/** JSON of exactly `VALUE_BYTES` bytes, another one for each key. */
export const valueAt = (index: number): string => {
  const start = `{"id":${index},"text":"`
  return `${start}${"x".repeat(VALUE_BYTES - start.length - 2)}"}`
}

/** Reads in a batch. */
export const BATCH = 100

const batchAt = (first: number): string =>
  JSON.stringify({
    operations: Array.from({ length: BATCH }, (_, index) => ({
      op: "get",
      key: keyAt((first + index) % KEYS),
    })),
  })

const bodyOf = ({ body }: Request, index: number): string =>
  body === "value" ? valueAt(index) : body === "batch" ? batchAt(index) : ""

const textOf = (request: Request, port: number, index: number, etag: string): string => {
  const body = bodyOf(request, index)
  const path = request.body === "batch" ? request.before : `${request.before}${keyAt(index)}${request.after}`
  const head = [
    `${request.method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...(request.headers ?? []),
    ...(request.revalidate ? [`If-None-Match: ${etag}`] : []),
    ...(body === "" ? [] : ["Content-Type: application/json", `Content-Length: ${body.length}`]),
  ]
  return `${head.join("\r\n")}\r\n\r\n${body}`
}

const MICROS_PER_STEP = 10
const STEPS = 100_000
const MICROS_PER_MILLI = 1000

/** Latencies up to a second in steps of 10 µs; what took longer counts as a second. */
class Histogram {
  readonly #counts = new Uint32Array(STEPS)
  #total = 0

  add(millis: number): void {
    const step = Math.min(Math.floor((millis * MICROS_PER_MILLI) / MICROS_PER_STEP), STEPS - 1)
    this.#counts[step] = (this.#counts[step] ?? 0) + 1
    this.#total++
  }

  /** Milliseconds within which this part of all were answered. */
  quantile(part: number): number {
    let seen = 0
    const step = this.#counts.findIndex((count) => (seen += count) >= part * this.#total)
    return ((step + 1) * MICROS_PER_STEP) / MICROS_PER_MILLI
  }
}

const ETAG = /\r\netag: *([^\r]+)/i

/** Marsaglia's xorshift with 32 bits: the same keys in every run. */
const randomKeys = () => {
  let state = 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % KEYS
  }
}

const etags: Array<string> = []

const MILLIS_PER_SECOND = 1000

/** What the connections of a job do: they ask for keys, and what comes back is counted. */
const run = async ({ order, port, request }: Job): Promise<Result> => {
  const texts = Array.from({ length: KEYS }, (_, index) => textOf(request, port, index, etags[index] ?? ""))
  const statuses: Record<string, number> = {}
  const latencies = new Histogram()
  const from = performance.now()

  const answered = (key: number, sentAt: number, { head, status }: Reply): void => {
    latencies.add(performance.now() - sentAt)
    statuses[status] = (statuses[status] ?? 0) + 1
    if (order._tag === "Each") etags[key] = ETAG.exec(head)?.[1] ?? ""
  }
  const requests = await (order._tag === "Rate"
    ? openLoop({ port, texts, answered }, order)
    : closedLoop({ port, texts, answered }, order))
  return {
    requests,
    seconds: (performance.now() - from) / MILLIS_PER_SECOND,
    statuses,
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
    p999: latencies.quantile(0.999),
  }
}

interface Asking {
  readonly port: number
  /** Of each key. */
  readonly texts: ReadonlyArray<string>
  readonly answered: (key: number, sentAt: number, reply: Reply) => void
}

/** Each connection asks again when it was answered: the server is as busy as it can be. */
const closedLoop = async (
  { answered, port, texts }: Asking,
  order: Extract<Job["order"], { readonly _tag: "Each" | "Random" }>,
): Promise<number> => {
  const random = randomKeys()
  let requests = 0
  const from = performance.now()
  const nextKey = (): number | undefined => {
    if (order._tag === "Random") return performance.now() - from < order.millis ? random() : undefined
    return requests < KEYS ? requests : undefined
  }
  const converse = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const connection = new Conversation(port)
      let key = 0
      let sentAt = 0
      const ask = () => {
        const found = nextKey()
        if (found === undefined) {
          connection.close()
          return resolve()
        }
        key = found
        requests++
        sentAt = performance.now()
        connection.ask(texts[key] ?? "")
      }
      const received = (reply: Reply) => {
        answered(key, sentAt, reply)
        ask()
      }
      connection.open(received, reject).then(ask, reject)
    })
  await Promise.all(Array.from({ length: CONNECTIONS }, converse))
  return requests
}

/**
 * Requests are due at a fixed rate, whether the server keeps up or not, and a latency counts from when the
 * request was due: one that had to wait for a connection, as all were waiting for the server, has waited for
 * the server too. So no slow moment is left out of the figures.
 */
const openLoop = async (
  { answered, port, texts }: Asking,
  { millis, perSecond }: Extract<Job["order"], { readonly _tag: "Rate" }>,
): Promise<number> => {
  const random = randomKeys()
  const total = Math.floor((millis / MILLIS_PER_SECOND) * perSecond)
  const every = MILLIS_PER_SECOND / perSecond
  const connections = Array.from({ length: CONNECTIONS }, () => new Conversation(port))
  await new Promise<void>((resolve, reject) => {
    const idle: Array<() => boolean> = []
    let asked = 0
    let done = 0
    let from = 0
    const enter = (connection: Conversation) => {
      let key = 0
      let dueAt = 0
      /** Asks for the next that is due, if one is. */
      const ask = (): boolean => {
        if (asked === total || performance.now() < from + asked * every) return false
        key = random()
        dueAt = from + asked++ * every
        connection.ask(texts[key] ?? "")
        return true
      }
      const received = (reply: Reply) => {
        answered(key, dueAt, reply)
        if (++done === total) return resolve()
        if (!ask()) idle.push(ask)
      }
      idle.push(ask)
      return connection.open(received, reject)
    }
    // A timer is as coarse as a millisecond, in which several fall due: turns of the loop are counted instead.
    const tick = () => {
      while (idle.length > 0 && idle.at(-1)?.() === true) idle.pop()
      if (asked < total) setImmediate(tick)
    }
    Promise.all(connections.map(enter)).then(() => {
      from = performance.now()
      tick()
    }, reject)
  })
  for (const connection of connections) connection.close()
  return total
}

/** The other side of `fork`: does one job at a time. */
if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on("message", (job: Job) => {
    void run(job).then((result) => process.send?.(result))
  })
}

export class Load {
  readonly #process: ChildProcess = fork(fileURLToPath(import.meta.url))
  readonly #ended: Promise<never> = Process.track(this.#process).then(() => {
    throw new Error("the process that makes the load ended")
  })

  /** One job at a time. */
  async run(job: Job): Promise<Result> {
    this.#process.send(job)
    const answered = new Promise<Result>((resolve) => {
      this.#process.once("message", (result: Result) => resolve(result))
    })
    return await Promise.race([answered, this.#ended])
  }

  stop(): void {
    this.#ended.catch(() => {})
    this.#process.disconnect()
  }
}
