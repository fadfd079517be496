/**
 * The truth in Redis, as plain strings under plain keys: what `redis-cli SET` writes and what we write are
 * the same. Each operation is one script (`RedisScript.ts`), so one atomic step.
 */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Key } from "../core/Entry.ts"
import * as EntityTag from "./EntityTag.ts"
import { partsOf, type RedisClient } from "./RedisClient.ts"
import * as RedisFault from "./RedisFault.ts"
import * as RedisLink from "./RedisLink.ts"
import * as RedisReading from "./RedisReading.ts"
import * as RedisScript from "./RedisScript.ts"
import type { RedisUrlInvalid } from "./RedisUrl.ts"
import { ConditionFailed, Store, type StoreUnavailable, type WriteError, type Written } from "./Store.ts"

export interface Options {
  /** One server, a sentinel group or a cluster: see `RedisTarget.ts`. */
  readonly url: string
  /** Begins every key in Redis; may be empty. */
  readonly keyPrefix: string
  /** How long Redis may take to answer. */
  readonly timeoutMillis: number
}

/**
 * Starts without Redis too: then every operation fails as unavailable until it is there. Fails only for a
 * URL that cannot be meant.
 */
export const layer = (options: Options): Layer.Layer<Store, RedisUrlInvalid> =>
  Layer.effect(
    Store,
    Effect.map(RedisLink.make(options), ({ client }) => make(client, options.keyPrefix)),
  )

export const make = (client: RedisClient, keyPrefix: string): Store["Service"] => {
  const physical = (key: Key) => keyPrefix + key

  /** Of all servers that hold a part of the data. */
  const ask = (command: string) =>
    Effect.suspend(() =>
      Effect.forEach(
        partsOf(client),
        (part) =>
          Effect.callback<unknown, StoreUnavailable>((resume) =>
            part.send(command, [], (fault, reply) =>
              resume(fault === undefined ? Exit.succeed(reply) : Exit.fail(RedisFault.unavailable(fault))),
            ),
          ),
        { concurrency: "unbounded" },
      ),
    )

  return Store.of({
    kind: "redis",
    ...RedisReading.make(client, keyPrefix),
    write: (key, bytes, options) =>
      Effect.callback<Written, WriteError>((resume) => {
        const condition = RedisScript.conditionArguments(options?.condition)
        const args = [...condition, view(bytes), RedisScript.expiryArgument(options?.expiry)]
        client.run(RedisScript.WRITE, [physical(key)], args, (fault, reply) =>
          resume(
            fault === undefined
              ? (writtenOf(reply, bytes) ?? failureOf(key, reply))
              : Exit.fail(RedisFault.ofWrite(fault, key)),
          ),
        )
      }),
    remove: (key, options) =>
      Effect.callback<boolean, WriteError>((resume) =>
        client.run(
          RedisScript.REMOVE,
          [physical(key)],
          RedisScript.conditionArguments(options?.condition),
          (fault, reply) =>
            resume(
              fault === undefined
                ? (removedOf(reply) ?? failureOf(key, reply))
                : Exit.fail(RedisFault.ofWrite(fault, key)),
            ),
        ),
      ),
    count: Effect.flatMap(ask("DBSIZE"), (replies) => {
      const counts = replies.filter((reply) => typeof reply === "number")
      return counts.length === replies.length
        ? Exit.succeed(counts.reduce((sum, count) => sum + count, 0))
        : unexpected
    }),
    probe: Effect.asVoid(ask("PING")),
  })
}

const unexpected = Exit.fail(RedisFault.unavailable(RedisFault.unexpected))

const writtenOf = (reply: unknown, bytes: Uint8Array): Exit.Exit<Written> | undefined =>
  Array.isArray(reply) && reply[0] === 1 && typeof reply[2] === "number"
    ? Exit.succeed({
        created: reply[1] === 1,
        etag: EntityTag.of(bytes),
        ttlMillis: RedisReading.ttlOf(reply[2]),
      })
    : undefined

const removedOf = (reply: unknown): Exit.Exit<boolean> | undefined =>
  Array.isArray(reply) && reply[0] === 1 ? Exit.succeed(reply[1] === 1) : undefined

const failureOf = (key: Key, reply: unknown): Exit.Exit<never, WriteError> => {
  if (!Array.isArray(reply) || reply[0] !== 0)
    return Exit.fail(RedisFault.ofWrite(RedisFault.unexpected, key))
  const tag: unknown = reply[1]
  return Exit.fail(
    new ConditionFailed({ current: Buffer.isBuffer(tag) ? Option.some(tag.toString()) : Option.none() }),
  )
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
