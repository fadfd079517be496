/**
 * A piece of network between a tracker and its server that can hold back what the server says, and speak to
 * the server in the tracker's name. A server has no command that ends another connection's tracking and
 * leaves the connection alone; a proxy can send it on that very connection.
 */
import { type AddressInfo, createServer, type Socket, connect } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface TrackerProxy {
  readonly url: string
  /** From now on nothing of what the server says reaches the subscribed connection, until `release`. */
  readonly hold: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Ends tracking on the subscribed connection; its answers are kept from the tracker. */
  readonly untrack: Effect.Effect<void>
}

const SUBSCRIBED = "subscribe"
const COMMANDS =
  "*2\r\n$11\r\nUNSUBSCRIBE\r\n$20\r\n__redis__:invalidate\r\n*3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$3\r\nOFF\r\n"
const ANSWERS = "*3\r\n$11\r\nunsubscribe\r\n$20\r\n__redis__:invalidate\r\n:0\r\n+OK\r\n"

export const make = (port: number): Effect.Effect<TrackerProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => listen(port)),
      ({ close }) => Effect.promise(close),
    ),
    ({ proxy }) => proxy,
  )

const listen = async (port: number) => {
  const sockets = new Set<Socket>()
  let subscribed: { readonly server: Socket; readonly client: Socket } | undefined
  let held: Array<Buffer> | undefined
  let answered: (() => void) | undefined

  const toTracker = (client: Socket, bytes: Buffer): void => {
    if (answered !== undefined && bytes.includes(ANSWERS)) {
      const at = bytes.indexOf(ANSWERS)
      client.write(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + ANSWERS.length)]))
      answered()
    } else if (held !== undefined) held.push(bytes)
    else client.write(bytes)
  }

  const listener = createServer((client) => {
    const server = connect({ port, host: "127.0.0.1" })
    sockets.add(client).add(server)
    client.on("data", (bytes) => {
      if (bytes.includes(SUBSCRIBED)) subscribed = { server, client }
      server.write(bytes)
    })
    server.on("data", (bytes) => {
      if (subscribed?.client === client) toTracker(client, bytes)
      else client.write(bytes)
    })
    for (const socket of [client, server]) {
      socket.on("error", () => {})
      socket.on("close", () => {
        client.destroy()
        server.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  const own = isAddress(address) ? address.port : 0

  const proxy: TrackerProxy = {
    url: `redis://127.0.0.1:${own}`,
    hold: Effect.sync(() => (held = [])),
    release: Effect.sync(() => {
      for (const bytes of held ?? []) subscribed?.client.write(bytes)
      held = undefined
    }),
    untrack: Effect.promise(
      () =>
        new Promise<void>((resolve) => {
          answered = resolve
          subscribed?.server.write(COMMANDS)
        }),
    ).pipe(Effect.andThen(Effect.sync(() => (answered = undefined)))),
  }
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy()
      listener.close(() => resolve())
    })
  return { proxy, close }
}

const isAddress = (address: unknown): address is AddressInfo =>
  typeof address === "object" && address !== null
