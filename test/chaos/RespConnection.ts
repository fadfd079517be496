/** A connection to Redis as a stranger has it: it shares no code with what is under test. */
import { connect } from "node:net"

/** The server did not do it. */
export class Refusal {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** Whole replies only as far as a writer needs them: a number, or a line; of an array its length. */
export type Reply = number | string | Refusal

export interface RespConnection {
  /** Sends the commands at once; their replies, in order. Rejects when the connection is lost. */
  readonly send: (...commands: ReadonlyArray<ReadonlyArray<string | number>>) => Promise<ReadonlyArray<Reply>>
  readonly isOpen: () => boolean
  readonly close: () => void
}

interface Waiting {
  readonly count: number
  readonly resolve: (replies: ReadonlyArray<Reply>) => void
  readonly reject: (error: Error) => void
}

export const open = (port: number): Promise<RespConnection> =>
  new Promise((opened, refused) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    const waiting: Array<Waiting> = []
    let received = ""
    let closed = false

    const receive = (): void => {
      for (let [first] = waiting; first !== undefined; [first] = waiting) {
        const parsed = parseAll(received, first.count)
        if (parsed === undefined) return
        received = received.slice(parsed.end)
        waiting.shift()
        first.resolve(parsed.replies)
      }
    }

    socket.setEncoding("latin1")
    socket.on("data", (data) => {
      received += String(data)
      receive()
    })
    socket.on("error", refused)
    socket.on("close", () => {
      closed = true
      for (const { reject } of waiting.splice(0)) reject(new Error("the connection was lost"))
    })
    socket.on("connect", () =>
      opened({
        isOpen: () => !closed,
        close: () => socket.destroy(),
        send: (...commands) =>
          new Promise((resolve, reject) => {
            if (closed) return reject(new Error("not connected"))
            waiting.push({ count: commands.length, resolve, reject })
            socket.write(commands.map(encode).join(""))
          }),
      }),
    )
  })

const encode = (command: ReadonlyArray<string | number>): string =>
  `*${command.length}\r\n${command.map((part) => `$${String(part).length}\r\n${part}\r\n`).join("")}`

/** Undefined: there is more to come. */
const parseAll = (
  text: string,
  count: number,
): { readonly replies: ReadonlyArray<Reply>; readonly end: number } | undefined => {
  const replies: Array<Reply> = []
  let end = 0
  while (replies.length < count) {
    const parsed = parse(text, end)
    if (parsed === undefined) return undefined
    replies.push(parsed.reply)
    end = parsed.end
  }
  return { replies, end }
}

const parse = (text: string, at: number): { readonly reply: Reply; readonly end: number } | undefined => {
  const lineEnd = text.indexOf("\r\n", at)
  if (lineEnd < 0) return undefined
  const line = text.slice(at + 1, lineEnd)
  const end = lineEnd + 2
  switch (text[at]) {
    case ":":
      return { reply: Number(line), end }
    case "-":
      return { reply: new Refusal(line), end }
    case "$": {
      const bodyEnd = Number(line) < 0 ? end : end + Number(line) + 2
      return text.length < bodyEnd ? undefined : { reply: text.slice(end, bodyEnd - 2), end: bodyEnd }
    }
    case "*": {
      const items = parseAll(text.slice(end), Math.max(0, Number(line)))
      return items && { reply: line, end: end + items.end }
    }
    default:
      return { reply: line, end }
  }
}
