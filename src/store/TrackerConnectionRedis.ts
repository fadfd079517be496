/**
 * The connection on which Redis tells who wrote: tracking in broadcast mode, redirected to itself.
 *
 * RESP 2, as ioredis drops the invalidations of RESP 3. Redirected to itself, so that tracking and its
 * delivery live and die with one socket. In broadcast mode, as the default one goes silent for good after
 * some of a client's own commands. Never resubscribed by ioredis, which would bring back the subscription
 * without the tracking: every connection is armed anew.
 *
 *     down --ready--> arming --CLIENT TRACKING, SUBSCRIBE and PING answered--> live
 *     arming --the server refuses--> unsupported, tried again now and then
 *     any --closed, silent, dropped--> down
 */
import { Redis, type RedisOptions } from "ioredis"
import * as RedisClient from "./RedisClient.ts"
import * as RedisFault from "./RedisFault.ts"
import type { RedisUrl } from "./RedisUrl.ts"
import type { Status } from "./Tracker.ts"
import * as TrackerMessage from "./TrackerMessage.ts"

type Command = readonly [string, ...ReadonlyArray<string | number>]

/** What a user of Redis must be granted for a step of arming. */
type Grant = "+ping" | "+client|id" | "+client|tracking" | `+subscribe &${typeof TrackerMessage.CHANNEL}`

/** One time of being live. */
export type Session = Redis["stream"]

export interface Listener {
  readonly onLive: () => void
  /** Once for every `onLive`. */
  readonly onLost: (reason: string) => void
  /** Only while live. */
  readonly onMessage: (payload: unknown) => void
  /** Once until the next `onLive`. */
  readonly onUnsupported: (reason: string) => void
  /** After every connection, also one that never came about. */
  readonly onClosed: () => void
}

export interface Options {
  readonly url: RedisUrl
  readonly keyPrefix: string
  readonly timeoutMillis: number
  /** Of the pauses between attempts, 0.5 to 1. */
  readonly spread: number
  /** A server that refused is asked again after this: its rights or its version may change. */
  readonly refusedPauseMillis: number
  readonly listener: Listener
}

export interface TrackerConnection {
  readonly redis: Redis
  readonly status: () => Status
  /** Undefined while it is not live. */
  readonly session: () => Session | undefined
  /** A PING of this session; every message that was sent before its answer has been handled when it is done. */
  readonly ping: (session: Session, done: (failure: string | undefined) => void) => void
  /** Ends a session that is not to be trusted, if it is still the one. */
  readonly drop: (session: Session, reason: string) => void
}

/** With a command in flight. Bounds how long L1 may be stale on a connection that is only half there. */
const SILENCE_MAX_MILLIS = 1000

export const connect = (options: Options): TrackerConnection => {
  const { listener } = options
  let status: Status = "down"
  let live: Session | undefined
  let failures = 0

  const pause = () =>
    status === "unsupported"
      ? options.spread * options.refusedPauseMillis
      : RedisClient.pauseAfter(failures++, options.spread)
  const redis = new Redis(redisOptions(options, pause))

  const lose = (reason: string): void => {
    if (status !== "unsupported") status = "down"
    if (live === undefined) return
    live = undefined
    listener.onLost(reason)
  }

  const drop = (session: Session, reason: string): void => {
    if (session !== live) return
    lose(reason)
    session.destroy()
  }

  /** Refused for good, or only the moment was wrong. */
  const refuse = (stream: Session, what: Grant, fault: RedisFault.RedisFault): void => {
    if (RedisFault.isForGood(fault) && status !== "unsupported") {
      status = "unsupported"
      listener.onUnsupported(`${what}: ${fault.reason}`)
    }
    stream.destroy()
  }

  const arm = (stream: Session): void => {
    const ask = (what: Grant, command: Command, next: (reply: unknown) => void) =>
      redis.callBuffer(command[0], command.slice(1), (error, reply) => {
        if (stream !== redis.stream || stream.destroyed) return
        if (error) refuse(stream, what, RedisFault.of(error))
        else next(reply)
      })
    let acknowledged = 0
    const acknowledge = (): void => {
      if (++acknowledged < 3) return
      status = "live"
      live = stream
      failures = 0
      listener.onLive()
    }
    if (status !== "unsupported") status = "arming"
    ask("+client|id", ["client", "ID"], (reply) => {
      const id = Number(reply)
      const prefix = options.keyPrefix
      // In this order: a subscriber may not send CLIENT.
      ask(
        "+client|tracking",
        ["client", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix],
        acknowledge,
      )
      ask(`+subscribe &${TrackerMessage.CHANNEL}`, ["subscribe", TrackerMessage.CHANNEL], acknowledge)
      ask("+ping", ["ping"], acknowledge)
    })
  }

  redis.on("ready", () => arm(redis.stream))
  redis.on("messageBuffer", (_channel: Buffer, payload: unknown) => {
    if (live !== undefined && live === redis.stream) listener.onMessage(payload)
  })
  redis.on("close", () => {
    lose("connection closed")
    listener.onClosed()
  })
  redis.on("error", (error: Error) => {
    lose(RedisFault.reasonOfConnection(error))
    // After most errors it is closing anyway. After a reply too many ioredis would go on.
    redis.stream.destroy()
  })

  return {
    redis,
    status: () => status,
    session: () => live,
    ping: (session, done) => {
      if (session !== live) return done("connection lost")
      redis.ping((error) => {
        if (error) return done(RedisFault.of(error).reason)
        done(session === live ? undefined : "connection lost")
      })
    },
    drop,
  }
}

const redisOptions = ({ timeoutMillis, url }: Options, pause: () => number) => {
  const { commandTimeout: _, ...common } = RedisClient.redisOptions({ ...url, db: 0 }, timeoutMillis, pause)
  return {
    ...common,
    connectionName: "cache-mechanism-tracker",
    autoResubscribe: false,
    socketTimeout: Math.min(timeoutMillis, SILENCE_MAX_MILLIS),
  } satisfies RedisOptions
}
