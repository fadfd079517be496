/** As little of the Redis protocol as tests need to be another client: independent of the one under test. */
import { connect } from "node:net"

export type Reply = null | number | Buffer | RedisError | ReadonlyArray<Reply>

/** A reply with its strings as UTF-8. */
export type Text = null | number | string | RedisError | ReadonlyArray<Text>

export class RedisError extends Error {}

export type Command = ReadonlyArray<string | Uint8Array>

/** Sends all commands at once on a connection of its own; their replies, in order. */
export const request = (port: number, commands: ReadonlyArray<Command>): Promise<ReadonlyArray<Reply>> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" })
    let received: Buffer = Buffer.alloc(0)
    socket.on("error", reject)
    socket.on("close", () => reject(new Error("the server closed the connection")))
    socket.on("data", (data) => {
      received = Buffer.concat([received, data])
      const replies = parseAll(received, commands.length)
      if (replies === undefined) return
      resolve(replies)
      socket.destroy()
    })
    socket.write(Buffer.concat(commands.map(encode)))
  })

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
const parseAll = (bytes: Buffer, count: number): ReadonlyArray<Reply> | undefined => {
  const replies: Array<Reply> = []
  let at = 0
  while (replies.length < count) {
    const parsed = parse(bytes, at)
    if (parsed === undefined) return undefined
    replies.push(parsed[0])
    at = parsed[1]
  }
  return replies
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
