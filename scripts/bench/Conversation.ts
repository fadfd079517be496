/**
 * One connection to an HTTP server with one request in flight: text out, and of the reply the status and the head.
 * It reads just enough to know where a reply ends, so that making load costs less than serving it.
 */
import { connect, type Socket } from "node:net"

export interface Reply {
  readonly status: number
  readonly head: string
}

const HEAD_END = "\r\n\r\n"
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i

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

const READ_BYTES = 65_536

export class Conversation {
  readonly #socket: Socket
  readonly #opened: Promise<void>
  #pending = ""
  #received: (reply: Reply) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(port: number) {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      this.#pending += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString("latin1")
      const reply = parse(this.#pending)
      if (reply === undefined) return true
      this.#pending = ""
      this.#received(reply)
      return true
    }
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback }
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true, onread })
    this.#opened = new Promise((resolve, reject) => {
      this.#failed = reject
      this.#socket.once("connect", resolve)
    })
    this.#socket.once("error", (error) => this.#failed(error))
    this.#socket.once("close", () =>
      this.#failed(new Error(`the server on port ${port} closed a connection`)),
    )
  }

  /** Done when the connection is there; from then on `failed` hears what ends it. */
  async open(received: (reply: Reply) => void, failed: (error: Error) => void): Promise<void> {
    await this.#opened
    this.#received = received
    this.#failed = failed
  }

  /** The next request; the one before was answered. */
  ask(text: string): void {
    this.#socket.write(text, "latin1")
  }

  close(): void {
    this.#failed = () => {}
    this.#socket.destroy()
  }
}
