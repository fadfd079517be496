/**
 * One connection to Redis that never guesses. A command either leaves now or is refused as not sent: nothing
 * waits in a queue to be written after its caller was told that it failed, and nothing is sent twice.
 *
 * Commands of one turn of the event loop leave in one write to the socket (corked until the turn's input has
 * been handled). ioredis's own auto-pipelining does this too, but holds the next batch back until the last
 * one is answered, starts its timeouts only then, and costs 1.5 times the CPU.
 *
 * A connection is open only once the server has answered a PING on it: a stopped server still accepts
 * connections. And only if its database was selected: ioredis goes on in database 0 when SELECT fails.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { Redis, type RedisOptions } from "ioredis"
import * as RedisFault from "./RedisFault.ts"
import type { RedisScript } from "./RedisScript.ts"
import * as RedisUrl from "./RedisUrl.ts"

export type Argument = string | Buffer | number

/** Called once. A reply is what RESP 2 can say, with strings as `Buffer`s. */
export type Done = (fault: RedisFault.RedisFault | undefined, reply: unknown) => void

export interface RedisClient {
  readonly send: (command: string, args: Array<Argument>, done: Done) => void
  /** `EVALSHA`, and `EVAL` when the server does not know the script. */
  readonly run: (
    script: RedisScript,
    keys: ReadonlyArray<Argument>,
    args: ReadonlyArray<Argument>,
    done: Done,
  ) => void
  /** None: one server holds all there is. */
  readonly distribution?: Distribution
}

/** How data is spread over servers, and moves between them. */
export interface Distribution {
  /** How many keys one script may take. */
  readonly keysPerScript: number
  /** To the server that has the key. */
  readonly sendFor: (key: Argument) => RedisClient["send"]
  /** Every server that holds a part, as it is known now; `name` lasts as long as it is the same server. */
  readonly parts: () => ReadonlyArray<Part>
}

export interface Part {
  readonly name: string
  readonly send: RedisClient["send"]
}

/** At least one; where it is not known who has the data, one that says so. */
export const partsOf = (self: RedisClient): readonly [Part, ...ReadonlyArray<Part>] => {
  const [first = { name: "", send: self.send }, ...others] = self.distribution?.parts() ?? []
  return [first, ...others]
}

/** One connection, made again whenever it is lost. */
export interface Connection extends RedisClient {
  readonly redis: Redis
  readonly isOpen: () => boolean
}

export interface Options {
  readonly url: string
  /** How long a command may take, a connection to come about, and a silent one to live. */
  readonly timeoutMillis: number
}

const RETRY_MIN_MILLIS = 50
const RETRY_MAX_MILLIS = 1000

/** How long to wait before connecting again. */
export const pauseAfter = (failures: number, spread: number): number =>
  spread * Math.min(RETRY_MIN_MILLIS * 2 ** failures, RETRY_MAX_MILLIS)

/** Of one client's pauses: clients that lost the same server do not come back in step. */
export const spread: Effect.Effect<number> = Random.nextBetween(0.5, 1)

/**
 * Connects for as long as the scope lives, again and again if need be. Waits for the first connection, but
 * not longer than the timeout: without one it starts all the same, and every command fails as not sent.
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<RedisClient, RedisUrl.RedisUrlInvalid, Scope.Scope> {
  const url = yield* Effect.fromResult(RedisUrl.parse(options.url))
  const ownSpread = yield* spread
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const later = (task: () => void) => dispatcher.scheduleTask(task, 0)
  const opened = Latch.makeUnsafe(false)
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      connect({
        url,
        timeoutMillis: options.timeoutMillis,
        spread: ownSpread,
        later,
        onOpen: () => opened.openUnsafe(),
      }),
    ),
    ({ redis }) => close(redis),
  )
  yield* Effect.timeoutOption(opened.await, options.timeoutMillis)
  return client
})

export interface Connecting {
  readonly url: RedisUrl.RedisUrl
  readonly timeoutMillis: number
  /** Of the pauses between attempts, 0.5 to 1. */
  readonly spread: number
  /** Calls when the input of this turn of the event loop has been handled. */
  readonly later: (task: () => void) => void
  readonly onOpen: () => void
  readonly onClosed?: () => void
  /** Open only while the server is a master: a replica tells what was, and not to whom it listens. */
  readonly masterOnly?: boolean
}

export const connect = (options: Connecting): Connection => {
  let failures = 0
  const pause = () => pauseAfter(failures++, options.spread)
  const redis = new Redis(redisOptions(options.url, options.timeoutMillis, pause))

  let open: Redis["stream"] | undefined
  let whyClosed = "not connected yet"
  redis.on("ready", () => {
    const { stream } = redis
    // Any answer will do, an error too: the commands will be told the same.
    redis.call(options.masterOnly === true ? "ROLE" : "PING", (error, reply) => {
      if (stream !== redis.stream || (error && RedisFault.of(error)._tag !== "Refused")) return
      if (options.masterOnly === true && Array.isArray(reply) && reply[0] !== "master") {
        whyClosed = "not a master"
        stream.destroy()
        return
      }
      failures = 0
      open = stream
      options.onOpen()
    })
  })
  redis.on("close", () => {
    if (open !== undefined) whyClosed = "connection closed"
    open = undefined
    options.onClosed?.()
  })
  redis.on("error", (error: Error) => {
    open = undefined
    whyClosed = RedisFault.reasonOfConnection(error)
    // After most errors it is closing anyway. After a failed SELECT, or a reply too many, ioredis would go on.
    redis.stream.destroy()
  })

  let corked = false
  const cork = (stream: Redis["stream"]): void => {
    corked = true
    stream.cork()
    options.later(() => {
      corked = false
      stream.uncork()
    })
  }

  const send = (command: string, args: Array<Argument>, done: Done): void => {
    if (open === undefined || open !== redis.stream) {
      return done(RedisFault.notSent(whyClosed), undefined)
    }
    if (!corked) cork(open)
    const stream = open
    redis.callBuffer(command, args, (error, reply) => {
      if (!error) return done(undefined, reply)
      const fault = RedisFault.of(error)
      if (options.masterOnly === true && fault._tag === "Refused" && fault.code === "READONLY")
        stream.destroy()
      done(fault, undefined)
    })
  }

  return {
    redis,
    isOpen: () => open !== undefined && open === redis.stream,
    send,
    run: (script, keys, args, done) => {
      const rest = [keys.length, ...keys, ...args]
      send("EVALSHA", [script.sha, ...rest], (fault, reply) =>
        fault?._tag === "Refused" && fault.code === "NOSCRIPT"
          ? send("EVAL", [script.lua, ...rest], done)
          : done(fault, reply),
      )
    },
  }
}

/** What every connection of ours has in common. */
export const redisOptions = (url: RedisUrl.RedisUrl, timeoutMillis: number, retryStrategy: () => number) => {
  const serverName = RedisUrl.serverName(url)
  return {
    host: url.host,
    port: url.port,
    db: url.db,
    ...(url.username === undefined ? {} : { username: url.username }),
    ...(url.password === undefined ? {} : { password: url.password }),
    ...(url.tls ? { tls: serverName === undefined ? {} : { servername: serverName } } : {}),
    connectionName: "cache-mechanism",
    disableClientInfo: true,
    // RESP 3 brings nothing to a data connection and costs a HELLO that old servers and proxies refuse.
    protocol: 2,
    enableReadyCheck: false,
    // Not connected is an error at once, and what was in flight when a connection closes fails at once (0 retries).
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMillis,
    // A silent connection with a command in flight is destroyed, so a half-open one does not outlive it.
    socketTimeout: timeoutMillis,
    connectTimeout: timeoutMillis,
    // A socket given up is destroyed, not drained: no timer outlives the scope.
    disconnectTimeout: 0,
    retryStrategy,
  } satisfies RedisOptions
}

/** Waits until the socket is gone. A client that is between two connections has none and says nothing more. */
export const close = (redis: Redis): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (redis.status === "end" || redis.status === "reconnecting") resume(Effect.void)
    else redis.once("end", () => resume(Effect.void))
    redis.disconnect()
  })
