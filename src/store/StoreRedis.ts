/**
 * The truth in Redis, as plain strings under plain keys: what `redis-cli SET` writes and what we write are
 * the same. Each operation is one script (`RedisScript.ts`), so one atomic step.
 */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Key } from "../core/Entry.ts"
import * as EntityTag from "./EntityTag.ts"
import { partsOf, type RedisClient } from "./RedisClient.ts"
import * as RedisFault from "./RedisFault.ts"
import * as RedisLink from "./RedisLink.ts"
import * as RedisListing from "./RedisListing.ts"
import * as RedisScript from "./RedisScript.ts"
import type { RedisUrlInvalid } from "./RedisUrl.ts"
import {
  ConditionFailed,
  READ_MANY_CHUNK,
  Store,
  type Stored,
  StoreUnavailable,
  type WriteError,
  WrongType,
  type Written,
} from "./Store.ts"

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
  const keysPerScript = client.distribution?.keysPerScript ?? READ_MANY_CHUNK
  const physical = (key: Key) => keyPrefix + key

  const read = (key: Key) =>
    Effect.callback<Option.Option<Stored>, StoreUnavailable | WrongType>((resume) =>
      client.run(RedisScript.READ, [physical(key)], [], (fault, reply) =>
        resume(
          fault === undefined ? (pairAt(reply, 0) ?? unexpected) : Exit.fail(RedisFault.ofRead(fault, key)),
        ),
      ),
    )

  const readChunk = (keys: ReadonlyArray<Key>) =>
    Effect.callback<ReadonlyArray<ReadResult>, StoreUnavailable>((resume) =>
      client.run(RedisScript.READ_MANY, keys.map(physical), [], (fault, reply) =>
        resume(fault === undefined ? chunkOf(keys, reply) : Exit.fail(RedisFault.unavailable(fault))),
      ),
    )

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
    read,
    readMany: (keys) =>
      keys.length <= keysPerScript
        ? keys.length === 0
          ? Effect.succeed([])
          : readChunk(keys)
        : Effect.map(
            Effect.forEach(chunks(keys, keysPerScript), readChunk, { concurrency: "unbounded" }),
            (results) => results.flat(),
          ),
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
    list: RedisListing.make(client, keyPrefix),
    count: Effect.flatMap(ask("DBSIZE"), (replies) => {
      const counts = replies.filter((reply) => typeof reply === "number")
      return counts.length === replies.length
        ? Exit.succeed(counts.reduce((sum, count) => sum + count, 0))
        : unexpected
    }),
    probe: Effect.asVoid(ask("PING")),
  })
}

type ReadResult = Result.Result<Option.Option<Stored>, WrongType>

const unexpected = Exit.fail(RedisFault.unavailable(RedisFault.unexpected))

const absent = Exit.succeed(Option.none<Stored>())

/** The value and ttl at a place of a reply. A ttl of -1 is none, 0 the last moment of a value's life, -2 is past it. */
const pairAt = (reply: unknown, at: number): Exit.Exit<Option.Option<Stored>> | undefined => {
  if (!Array.isArray(reply)) return undefined
  const value: unknown = reply[at]
  const ttl: unknown = reply[at + 1]
  if (value === null || ttl === -2) return absent
  return Buffer.isBuffer(value) && typeof ttl === "number"
    ? Exit.succeed(Option.some({ bytes: own(value), ttlMillis: ttlOf(ttl) }))
    : undefined
}

const chunkOf = (
  keys: ReadonlyArray<Key>,
  reply: unknown,
): Exit.Exit<ReadonlyArray<ReadResult>, StoreUnavailable> => {
  if (!Array.isArray(reply)) return unexpected
  const results: Array<ReadResult> = []
  for (const [index, key] of keys.entries()) {
    const pair = pairAt(reply, 2 * index)
    if (pair !== undefined && Exit.isSuccess(pair)) results.push(Result.succeed(pair.value))
    else if (reply[2 * index] === 0) results.push(Result.fail(new WrongType({ key })))
    else return unexpected
  }
  return Exit.succeed(results)
}

const writtenOf = (reply: unknown, bytes: Uint8Array): Exit.Exit<Written> | undefined =>
  Array.isArray(reply) && reply[0] === 1 && typeof reply[2] === "number"
    ? Exit.succeed({ created: reply[1] === 1, etag: EntityTag.of(bytes), ttlMillis: ttlOf(reply[2]) })
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

const ttlOf = (pttl: number): number => (pttl < 0 ? Infinity : pttl)

/** The parser hands out slices of what came from the socket; a small value would keep all of it alive. */
const own = (bytes: Buffer): Uint8Array => new Uint8Array(bytes)

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const chunks = (keys: ReadonlyArray<Key>, size: number): ReadonlyArray<ReadonlyArray<Key>> => {
  const all: Array<ReadonlyArray<Key>> = []
  for (let at = 0; at < keys.length; at += size) all.push(keys.slice(at, at + size))
  return all
}
