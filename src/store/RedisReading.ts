/**
 * What comes out of Redis: one value, many, only those that are not known, and which there are. A question is
 * one script, so one instant; where scripts are refused, it is plain commands, and that is said once.
 */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Key } from "../core/Entry.ts"
import type { Argument, RedisClient } from "./RedisClient.ts"
import * as RedisDigests from "./RedisDigests.ts"
import * as RedisFault from "./RedisFault.ts"
import * as RedisListing from "./RedisListing.ts"
import * as RedisPlain from "./RedisPlain.ts"
import * as RedisScript from "./RedisScript.ts"
import {
  type Compared,
  READ_MANY_CHUNK,
  type Store,
  type Stored,
  type StoreUnavailable,
  WrongType,
} from "./Store.ts"

type RedisReading = Pick<Store["Service"], "read" | "readMany" | "compareMany" | "list">

type Answers<A> = ReadonlyArray<Result.Result<Option.Option<A>, WrongType>>

/** What stands at a place of a reply; undefined: nothing that can be meant. */
type AnswerAt<A> = (reply: unknown, at: number) => Exit.Exit<Option.Option<A>> | undefined

export const make = (client: RedisClient, keyPrefix: string): RedisReading => {
  const keysPerScript = client.distribution?.keysPerScript ?? READ_MANY_CHUNK
  const physical = (key: Key) => keyPrefix + key
  let refusal: "unsaid" | "said" | undefined
  const run = RedisPlain.run(client, () => (refusal ??= "unsaid"))

  const sayOnce = Effect.suspend(() => {
    if (refusal !== "unsaid") return Effect.void
    refusal = "said"
    return Effect.logWarning("scripts are refused: whole values are read, and nothing can be written")
  })

  const read: Store["Service"]["read"] = (key) =>
    Effect.callback<Option.Option<Stored>, StoreUnavailable | WrongType>((resume) =>
      run(RedisScript.READ, [physical(key)], [], (fault, reply) =>
        resume(
          fault === undefined ? (pairAt(reply, 0) ?? unexpected) : Exit.fail(RedisFault.ofRead(fault, key)),
        ),
      ),
    )

  const readChunk = <A>(
    keys: ReadonlyArray<Key>,
    args: ReadonlyArray<Argument>,
    answerAt: AnswerAt<A>,
  ): Effect.Effect<Answers<A>, StoreUnavailable> =>
    Effect.callback((resume) =>
      run(RedisScript.READ_MANY, keys.map(physical), args, (fault, reply) =>
        resume(
          fault === undefined ? answersOf(keys, reply, answerAt) : Exit.fail(RedisFault.unavailable(fault)),
        ),
      ),
    )

  /** As many at a time as a script may take, all at once. */
  const inChunks = <Q, A>(
    asked: ReadonlyArray<Q>,
    askChunk: (chunk: ReadonlyArray<Q>) => Effect.Effect<Answers<A>, StoreUnavailable>,
  ): Effect.Effect<Answers<A>, StoreUnavailable> =>
    asked.length <= keysPerScript
      ? asked.length === 0
        ? Effect.succeed([])
        : askChunk(asked)
      : Effect.map(
          Effect.forEach(chunks(asked, keysPerScript), askChunk, { concurrency: "unbounded" }),
          (answers) => answers.flat(),
        )

  return {
    read,
    readMany: (keys) => inChunks(keys, (chunk) => readChunk(chunk, [], pairAt)),
    compareMany: (asked) =>
      Effect.tap(
        inChunks(RedisDigests.questions(asked), (chunk) =>
          readChunk(
            chunk.map(({ key }) => key),
            chunk.flatMap(({ args }) => args),
            comparedAt,
          ),
        ),
        () => sayOnce,
      ),
    list: RedisListing.make({ ...client, run }, keyPrefix),
  }
}

const unexpected = Exit.fail(RedisFault.unavailable(RedisFault.unexpected))

const absent = Exit.succeed(Option.none<Stored>())

/** The value and ttl at a place of a reply. A ttl of -1 is none, 0 the last moment of a value's life, -2 is past it. */
const pairAt: AnswerAt<Stored> = (reply, at) => {
  if (!Array.isArray(reply)) return undefined
  const value: unknown = reply[at]
  const ttl: unknown = reply[at + 1]
  if (value === null || ttl === -2) return absent
  return Buffer.isBuffer(value) && typeof ttl === "number"
    ? Exit.succeed(Option.some({ bytes: own(value), ttlMillis: ttlOf(ttl) }))
    : undefined
}

/** The same, or 1 in the place of a value that is the one that was known. */
const comparedAt: AnswerAt<Compared> = (reply, at) => {
  if (!Array.isArray(reply) || reply[at] !== 1) {
    const pair = pairAt(reply, at)
    return (
      pair &&
      Exit.map(
        pair,
        Option.map((stored) => ({ ...stored, bytes: Option.some(stored.bytes) })),
      )
    )
  }
  const ttl: unknown = reply[at + 1]
  if (typeof ttl !== "number") return undefined
  return Exit.succeed(
    ttl === -2 ? Option.none() : Option.some({ bytes: Option.none(), ttlMillis: ttlOf(ttl) }),
  )
}

const answersOf = <A>(
  keys: ReadonlyArray<Key>,
  reply: unknown,
  answerAt: AnswerAt<A>,
): Exit.Exit<Answers<A>, StoreUnavailable> => {
  if (!Array.isArray(reply)) return unexpected
  const answers: Array<Answers<A>[number]> = []
  for (const [index, key] of keys.entries()) {
    const answer = answerAt(reply, 2 * index)
    if (answer !== undefined && Exit.isSuccess(answer)) answers.push(Result.succeed(answer.value))
    else if (reply[2 * index] === 0) answers.push(Result.fail(new WrongType({ key })))
    else return unexpected
  }
  return Exit.succeed(answers)
}

export const ttlOf = (pttl: number): number => (pttl < 0 ? Infinity : pttl)

/** The parser hands out slices of what came from the socket; a small value would keep all of it alive. */
const own = (bytes: Buffer): Uint8Array => new Uint8Array(bytes)

const chunks = <Q>(asked: ReadonlyArray<Q>, size: number): ReadonlyArray<ReadonlyArray<Q>> => {
  const all: Array<ReadonlyArray<Q>> = []
  for (let at = 0; at < asked.length; at += size) all.push(asked.slice(at, at + size))
  return all
}
