/**
 * A piece of network between a cache and its server, so that the order of things is forced, not hoped for: it
 * holds back what one side says to the other, and knows the tracker's connections by the name that they give
 * themselves. It can also speak to the server in the tracker's name: no command ends another connection's
 * tracking and leaves the connection alone, but on that very connection it can be sent.
 */
import { type AddressInfo, createServer, type Socket, connect } from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { RedisServer } from "./RedisServer.ts"

export type What =
  /** What the server says on data connections. */
  | "answers"
  /** What the server says on the tracker's connections, while it arms too. */
  | "signals"
  /** What is said to the server on the data connections of this moment. Reaches it though they have gone meanwhile. */
  | "questions"

export class RedisProxy extends Context.Service<
  RedisProxy,
  {
    readonly url: string
    readonly port: number
    /** From now on nothing of it gets through, until `release`. */
    readonly hold: (what: What) => Effect.Effect<void>
    readonly release: (what: What) => Effect.Effect<void>
    /** Waits until what is held back has this text in it. */
    readonly held: (what: What, text: string) => Effect.Effect<void>
    /** From now on answers take this long, drawn anew for each. */
    readonly slow: (millis: () => number) => Effect.Effect<void>
    /** Ends tracking on the tracker's connection; the answers to that are kept from it. */
    readonly untrack: Effect.Effect<void>
  }
>()("cache-mechanism/test/RedisProxy") {}

/** One connection through here. */
interface Line {
  readonly client: Socket
  readonly server: Socket
  isTracker: boolean
  /** Questions are held back. */
  stalled: boolean
  readonly toClient: Array<Buffer>
  readonly toServer: Array<Buffer>
  timer: NodeJS.Timeout | undefined
}

interface Waiter {
  readonly what: What
  readonly text: string
  readonly resume: () => void
}

const TRACKER_NAME = "cache-mechanism-tracker"
const UNTRACK =
  "*2\r\n$11\r\nUNSUBSCRIBE\r\n$20\r\n__redis__:invalidate\r\n*3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$3\r\nOFF\r\n"
const UNTRACKED = "*3\r\n$11\r\nunsubscribe\r\n$20\r\n__redis__:invalidate\r\n:0\r\n+OK\r\n"

export const make = (port: number): Effect.Effect<RedisProxy["Service"], never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => listen(port)),
      ({ close }) => Effect.promise(close),
    ),
    ({ proxy }) => proxy,
  )

/** Before the server in the context. */
export const layer: Layer.Layer<RedisProxy, never, RedisServer> = Layer.effect(
  RedisProxy,
  Effect.flatMap(RedisServer, ({ port }) => make(port)),
)

const listen = async (port: number) => {
  const lines = new Set<Line>()
  const holding = new Set<What>()
  const waiters = new Set<Waiter>()
  let delay: (() => number) | undefined
  let untracked: (() => void) | undefined

  const saying = ({ isTracker }: Line): What => (isTracker ? "signals" : "answers")
  const queueOf = (line: Line, what: What) => (what === "questions" ? line.toServer : line.toClient)
  const linesOf = (what: What) =>
    [...lines].filter((line) => saying(line) === (what === "questions" ? "answers" : what))

  const look = (): void => {
    for (const waiter of waiters) {
      const { resume, text, what } = waiter
      if (!linesOf(what).some((line) => Buffer.concat(queueOf(line, what)).includes(text))) continue
      waiters.delete(waiter)
      resume()
    }
  }

  const hear = (line: Line, bytes: Buffer): void => {
    const at = untracked === undefined || !line.isTracker ? -1 : bytes.indexOf(UNTRACKED)
    line.toClient.push(
      at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + UNTRACKED.length)]),
    )
    if (at >= 0) untracked?.()
    if (holding.has(saying(line))) return look()
    if (line.isTracker || delay === undefined) return tell(line)
    line.timer ??= setTimeout(() => tell(line), delay())
  }

  const tell = (line: Line): void => {
    line.timer = undefined
    if (holding.has(saying(line))) return look()
    for (const bytes of line.toClient.splice(0)) line.client.write(bytes)
  }

  const ask = (line: Line): void => {
    if (line.stalled) return look()
    for (const bytes of line.toServer.splice(0)) line.server.write(bytes)
    if (line.client.destroyed) line.server.end()
  }

  const end = (line: Line): void => {
    line.client.destroy()
    if (line.toServer.length > 0) return
    clearTimeout(line.timer)
    line.server.destroy()
    lines.delete(line)
  }

  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ port, host: "127.0.0.1", noDelay: true })
    const line: Line = {
      client,
      server,
      isTracker: false,
      stalled: false,
      toClient: [],
      toServer: [],
      timer: undefined,
    }
    lines.add(line)
    client.on("data", (bytes) => {
      if (bytes.includes(TRACKER_NAME)) line.isTracker = true
      line.toServer.push(bytes)
      ask(line)
    })
    server.on("data", (bytes) => hear(line, bytes))
    client.on("close", () => end(line))
    server.on("close", () => {
      line.toServer.length = 0
      end(line)
    })
    for (const socket of [client, server]) socket.on("error", () => {})
  })
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  const own = isAddress(address) ? address.port : 0

  const proxy = RedisProxy.of({
    url: `redis://127.0.0.1:${own}`,
    port: own,
    hold: (what) =>
      Effect.sync(() => {
        if (what !== "questions") holding.add(what)
        else for (const line of linesOf(what)) line.stalled = true
      }),
    release: (what) =>
      Effect.sync(() => {
        holding.delete(what)
        for (const line of linesOf(what)) {
          if (what !== "questions") tell(line)
          else {
            line.stalled = false
            ask(line)
          }
        }
      }),
    held: (what, text) =>
      Effect.callback<void>((resume) => {
        waiters.add({ what, text, resume: () => resume(Effect.void) })
        look()
      }),
    slow: (millis) => Effect.sync(() => (delay = millis)),
    untrack: Effect.promise(
      () =>
        new Promise<void>((resolve) => {
          untracked = resolve
          for (const line of linesOf("signals")) line.server.write(UNTRACK)
        }),
    ).pipe(Effect.andThen(Effect.sync(() => (untracked = undefined)))),
  })
  const close = () =>
    new Promise<void>((resolve) => {
      for (const line of lines) {
        clearTimeout(line.timer)
        line.client.destroy()
        line.server.destroy()
      }
      listener.close(() => resolve())
    })
  return { proxy, close }
}

const isAddress = (address: unknown): address is AddressInfo =>
  typeof address === "object" && address !== null
