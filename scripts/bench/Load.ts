/**
 * Load on an HTTP server, made in a process of its own: raw sockets, one request in flight on each.
 *
 * The requests are strings made beforehand, and of a reply only the status, the length and (while every key is
 * visited) the ETag are read, so that making load costs less than serving it. It is a closed loop: a
 * connection asks again when it has been answered, so latencies are those of a saturated server.
 */
import { type ChildProcess, fork } from "node:child_process"
import { connect, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import * as Process from "./Process.ts"

/** A request about a key: `${method} ${before}${key}${after}`. */
export interface Request {
  readonly method: "GET" | "PUT"
  readonly before: string
  readonly after: string
  /** Sends the key's value as the body. */
  readonly body: boolean
  /** Sends `If-None-Match` with the ETag that the last visit of the key brought. */
  readonly revalidate: boolean
}

export interface Job {
  readonly port: number
  readonly request: Request
  /** Every key once, or random keys until time is up. */
  readonly order: { readonly _tag: "Each" } | { readonly _tag: "Random"; readonly millis: number }
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

const textOf = (request: Request, port: number, index: number, etag: string): string => {
  const head = [
    `${request.method} ${request.before}${keyAt(index)}${request.after} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...(request.revalidate ? [`If-None-Match: ${etag}`] : []),
    ...(request.body ? ["Content-Type: application/json", `Content-Length: ${VALUE_BYTES}`] : []),
  ]
  return `${head.join("\r\n")}\r\n\r\n${request.body ? valueAt(index) : ""}`
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

interface Reply {
  readonly status: number
  readonly head: string
}

const HEAD_END = "\r\n\r\n"
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i
const ETAG = /\r\netag: *([^\r]+)/i

/** The one reply that this text is, `undefined` while it is not complete. */
const parse = (text: string): Reply | undefined => {
  const headEnd = text.indexOf(HEAD_END)
  if (headEnd < 0) return undefined
  const head = text.slice(0, headEnd)
  const status = Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length))
  const length = status === 204 || status === 304 ? 0 : Number(CONTENT_LENGTH.exec(head)?.[1])
  const missing = headEnd + HEAD_END.length + length - text.length
  if (missing > 0) return undefined
  if (missing === 0) return { status, head }
  throw new Error(`cannot tell where this reply ends: ${head}`)
}

/** Sends requests on one connection, one after the other, until `next` has no more. */
const converse = (
  port: number,
  next: () => string | undefined,
  received: (reply: Reply) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    let pending = ""
    const ask = () => {
      const text = next()
      if (text !== undefined) return socket.write(text, "latin1")
      resolve()
      return socket.destroy()
    }
    const read = (length: number, buffer: Uint8Array): boolean => {
      pending += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString("latin1")
      const reply = parse(pending)
      if (reply === undefined) return true
      pending = ""
      received(reply)
      ask()
      return true
    }
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback: read }
    const socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true, onread }, ask)
    socket.once("error", reject)
    socket.once("close", () => reject(new Error(`the server on port ${port} closed a connection`)))
  })

const READ_BYTES = 16_384

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

const run = async ({ order, port, request }: Job): Promise<Result> => {
  const texts = Array.from({ length: KEYS }, (_, index) => textOf(request, port, index, etags[index] ?? ""))
  const random = randomKeys()
  const statuses: Record<string, number> = {}
  const latencies = new Histogram()
  let requests = 0
  const from = performance.now()

  const nextKey = (): number | undefined => {
    if (order._tag === "Random") return performance.now() - from < order.millis ? random() : undefined
    return requests < KEYS ? requests : undefined
  }
  const connection = () => {
    let key = 0
    let sentAt = 0
    const next = () => {
      const found = nextKey()
      if (found === undefined) return undefined
      key = found
      requests++
      sentAt = performance.now()
      return texts[key]
    }
    return converse(port, next, ({ head, status }) => {
      latencies.add(performance.now() - sentAt)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (order._tag === "Each") etags[key] = ETAG.exec(head)?.[1] ?? ""
    })
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  return {
    requests,
    seconds: (performance.now() - from) / MILLIS_PER_SECOND,
    statuses,
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
    p999: latencies.quantile(0.999),
  }
}

const MILLIS_PER_SECOND = 1000

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
