/** As little of the Redis protocol as tests need to be another client: independent of the one under test. */
import { connect } from "node:net"

export type Reply = null | number | Buffer | RedisError | ReadonlyArray<Reply>

/** A reply with its strings as UTF-8. */
export type Text = null | number | string | RedisError | ReadonlyArray<Text>

export class RedisError extends Error {}

export type Command = ReadonlyArray<string | Uint8Array>

export interface Connection {
  /** Sends the commands at once; their replies, in order. Rejects when the connection is lost. */
  readonly send: (commands: ReadonlyArray<Command>) => Promise<ReadonlyArray<Reply>>
  readonly close: () => void
}

interface Asked {
  readonly count: number
  readonly resolve: (replies: ReadonlyArray<Reply>) => void
  readonly reject: (error: Error) => void
}

export const open = (port: number): Promise<Connection> =>
  new Promise((opened, refused) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    const asked: Array<Asked> = []
    let received: Buffer = Buffer.alloc(0)
    let closed = false
    const lost = () => new Error("the server closed the connection")
    socket.on("error", refused)
    socket.on("close", () => {
      closed = true
      for (const { reject } of asked.splice(0)) reject(lost())
    })
    socket.on("data", (data) => {
      received = Buffer.concat([received, data])
      for (let [first] = asked; first !== undefined; [first] = asked) {
        const parsed = parseAll(received, first.count)
        if (parsed === undefined) return
        received = received.subarray(parsed[1])
        asked.shift()
        first.resolve(parsed[0])
      }
    })
    socket.on("connect", () =>
      opened({
        close: () => socket.destroy(),
        send: (commands) =>
          new Promise((resolve, reject) => {
            if (closed) return reject(lost())
            asked.push({ count: commands.length, resolve, reject })
            socket.write(Buffer.concat(commands.map(encode)))
          }),
      }),
    )
  })

/** Sends all commands at once on a connection of its own; their replies, in order. */
export const request = async (
  port: number,
  commands: ReadonlyArray<Command>,
): Promise<ReadonlyArray<Reply>> => {
  const connection = await open(port)
  try {
    return await connection.send(commands)
  } finally {
    connection.close()
  }
}

export const textOf = (reply: Reply): Text => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (reply === null || typeof reply === "number" || reply instanceof RedisError) return reply
  return reply.map(textOf)
}

const encode = (command: Command): Buffer =>
  Buffer.concat([
    Buffer.from(`*${command.length}\r\n`),
    ...command.flatMap((part) => {
      const bytes = Buffer.from(part)
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]
    }),
  ])

/** Undefined: there is more to come. */
const parseAll = (
  bytes: Buffer,
  count: number,
): readonly [ReadonlyArray<Reply>, next: number] | undefined => {
  const replies: Array<Reply> = []
  let at = 0
  while (replies.length < count) {
    const parsed = parse(bytes, at)
    if (parsed === undefined) return undefined
    replies.push(parsed[0])
    at = parsed[1]
  }
  return [replies, at]
}

const parse = (bytes: Buffer, at: number): readonly [Reply, next: number] | undefined => {
  const end = bytes.indexOf("\r\n", at)
  if (end < 0) return undefined
  const line = bytes.toString("utf8", at + 1, end)
  const next = end + 2
  switch (bytes.toString("latin1", at, at + 1)) {
    case "+":
      return [Buffer.from(line), next]
    case "-":
      return [new RedisError(line), next]
    case ":":
      return [Number(line), next]
    case "$": {
      const length = Number(line)
      if (length < 0) return [null, next]
      return bytes.length < next + length + 2
        ? undefined
        : [Buffer.from(bytes.subarray(next, next + length)), next + length + 2]
    }
    case "*":
      return Number(line) < 0 ? [null, next] : parseArray(bytes, next, Number(line))
    default:
      throw new Error(`not a reply: received ${JSON.stringify(line)}`)
  }
}

const parseArray = (
  bytes: Buffer,
  from: number,
  length: number,
): readonly [Reply, next: number] | undefined => {
  const items: Array<Reply> = []
  let at = from
  while (items.length < length) {
    const parsed = parse(bytes, at)
    if (parsed === undefined) return undefined
    items.push(parsed[0])
    at = parsed[1]
  }
  return [items, at]
}
