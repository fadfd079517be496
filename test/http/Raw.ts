/** Bytes to a port as they are, and what comes back. */
import { connect } from "node:net"
import * as Effect from "effect/Effect"

/** Sends bytes as they are and reads until the server closes, or until `enough` has come. */
export const raw = (
  port: number,
  bytes: string | Uint8Array,
  enough: (text: string) => boolean = () => false,
) =>
  Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    let text = ""
    const done = () => {
      socket.destroy()
      resume(Effect.succeed(text))
    }
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      if (enough(text)) done()
    })
    socket.on("close", done)
    socket.on("error", done)
  })

/** The statuses of the replies in a text, in order. */
export const statusesOf = (text: string): ReadonlyArray<number> =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
