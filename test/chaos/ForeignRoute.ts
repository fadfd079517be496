/** The way of a foreign writer to the server that has a group of keys, as a simple client of Redis finds it. */
import * as RespConnection from "./RespConnection.ts"

export type Outcome =
  | { readonly _tag: "Done"; readonly replies: ReadonlyArray<RespConnection.Reply> }
  /** It was not sent, or the server did not do it. */
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Unknown" }

type Command = ReadonlyArray<string | number>

export interface Route {
  readonly send: (group: number, commands: ReadonlyArray<Command>) => Promise<Outcome>
  readonly close: () => void
}

const refused: Outcome = { _tag: "Refused" }

/** With connections of its own. */
export const make = (ports: Int32Array): Route => {
  const connections = new Map<number, RespConnection.RespConnection>()

  const connect = async (port: number): Promise<RespConnection.RespConnection | undefined> => {
    const known = connections.get(port)
    if (known?.isOpen() === true) return known
    const connection = await RespConnection.open(port).catch(() => undefined)
    if (connection !== undefined) connections.set(port, connection)
    return connection
  }

  const sendTo = async (port: number, commands: ReadonlyArray<Command>): Promise<Outcome> => {
    const connection = await connect(port)
    if (connection === undefined) return refused
    return connection.send(...commands).then(
      (replies) => ({ _tag: "Done", replies }),
      () => ({ _tag: "Unknown" }),
    )
  }

  return {
    send: async (group, commands) => {
      const outcome = await sendTo(ports[group] ?? 0, commands)
      if (outcome._tag !== "Done") return outcome
      const refusal = outcome.replies.find((reply) => reply instanceof RespConnection.Refusal)
      if (refusal === undefined) return outcome
      const [, kind, to] = /^(MOVED|ASK) \d+ .*:(\d+)$/u.exec(refusal.message) ?? []
      if (kind === "MOVED") ports[group] = Number(to)
      // It holds for one command: what has several is refused while its slot moves.
      if (kind !== "ASK" || commands.length > 1) return refused
      const asked = await sendTo(Number(to), [["ASKING"], ...commands])
      if (asked._tag !== "Done") return asked
      const replies = asked.replies.slice(1)
      return replies.some((reply) => reply instanceof RespConnection.Refusal)
        ? refused
        : { _tag: "Done", replies }
    },
    close: () => {
      for (const connection of connections.values()) connection.close()
    },
  }
}
