/**
 * What the scripts that only read do, as plain commands: for a user, or a server, who refuses scripts.
 *
 * Two commands a key are two instants: a value that is replaced in between may come with the expiry of the next
 * one. Who keeps it has a token that the write withdraws, or keeps it for a moment only. Nothing is hashed this
 * way: values are sent. The script is tried first every time, for rights may be given back.
 */
import type { Argument, Done, RedisClient } from "./RedisClient.ts"
import * as RedisFault from "./RedisFault.ts"
import * as RedisScript from "./RedisScript.ts"

/** This command and PTTL for each key. */
interface Plain {
  readonly command: string
  /** What stands for a key that holds no string, where that is no error. */
  readonly wrongType: number | undefined
}

const PLAIN: ReadonlyMap<RedisScript.RedisScript, Plain> = new Map([
  [RedisScript.READ, { command: "GET", wrongType: undefined }],
  [RedisScript.READ_MANY, { command: "GET", wrongType: 0 }],
  [RedisScript.DESCRIBE, { command: "STRLEN", wrongType: -1 }],
])

/** `onRefused`: called each time that a script is refused and plain commands are sent. */
export const run =
  (client: RedisClient, onRefused: () => void): RedisClient["run"] =>
  (script, keys, args, done) =>
    client.run(script, keys, args, (fault, reply) => {
      const plain = fault !== undefined && RedisFault.isForGood(fault) ? PLAIN.get(script) : undefined
      if (plain === undefined) return done(fault, reply)
      onRefused()
      ask(client, plain, keys, done)
    })

/** The reply of the script, from those of the commands; or the first fault, once all have been answered. */
const ask = (
  client: RedisClient,
  { command, wrongType }: Plain,
  keys: ReadonlyArray<Argument>,
  done: Done,
): void => {
  const replies: Array<unknown> = keys.flatMap(() => [null, null])
  let left = replies.length
  let failure: RedisFault.RedisFault | undefined
  const settle =
    (at: number): Done =>
    (fault, reply) => {
      if (fault === undefined) replies[at] = reply
      else if (wrongType !== undefined && RedisFault.isWrongType(fault)) replies[at] = wrongType
      else failure ??= fault
      if (--left === 0) done(failure, replies)
    }
  for (const [index, key] of keys.entries()) {
    const send = client.distribution?.sendFor(key) ?? client.send
    send(command, [key], settle(2 * index))
    send("PTTL", [key], settle(2 * index + 1))
  }
}
