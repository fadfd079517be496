/**
 * Follows every writer to a Redis server, whoever it is, through its client-side caching protocol; where there
 * are several servers, each of them (`TrackerServers.ts`).
 *
 * A PING every quarter of a second bounds how long a connection that is only half there goes unnoticed, its
 * answer says for how long this process may go on believing what it heard (it may be stopped itself), and a
 * canary every second proves that what is written is heard (`TrackerCanary.ts`). Whatever goes wrong, the
 * sink hears `Lost` before anything else, once, and `Live` when the next connection has been armed.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as RedisClient from "./RedisClient.ts"
import * as RedisLink from "./RedisLink.ts"
import * as RedisTarget from "./RedisTarget.ts"
import type { RedisUrl, RedisUrlInvalid } from "./RedisUrl.ts"
import { NotLive, type Signal, Tracker } from "./Tracker.ts"
import * as TrackerCanary from "./TrackerCanary.ts"
import * as TrackerConnectionRedis from "./TrackerConnectionRedis.ts"
import * as TrackerMessage from "./TrackerMessage.ts"
import * as TrackerServers from "./TrackerServers.ts"
import * as TrackerSink from "./TrackerSink.ts"

export interface Options {
  /** One server, a sentinel group or a cluster: see `RedisTarget.ts`. */
  readonly url: string
  /** Begins every key in Redis; may be empty. */
  readonly keyPrefix: string
  /** How long Redis may take to answer. */
  readonly timeoutMillis: number
  /** How long a server that refused tracking is left alone. Default 30,000. */
  readonly refusedPauseMillis?: number
}

const REFUSED_PAUSE_MILLIS = 30_000
const PING_EVERY_MILLIS = 250
/** How long after a PING left its answer proves that nothing is missed: until the next one, in good time, has one. */
const ASSURED_MILLIS = PING_EVERY_MILLIS + 1_000
const NANOS_PER_MILLI = 1e6
const CANARY_EVERY = "1 second"

/** With data connections of its own for the canary. Where there is a store too, `RedisFollowed.ts` is the better one. */
export const layer = (options: Options): Layer.Layer<Tracker, RedisUrlInvalid> =>
  Layer.effect(
    Tracker,
    Effect.flatMap(RedisLink.make(options), (link) => make(options, link)),
  )

/**
 * Starts without Redis too: waits until the first connection has been armed or is gone. `link` should be the
 * one that reads the data: the canary proves that its servers are those that are followed.
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
  { client, servers }: RedisLink.RedisLink,
): Effect.fn.Return<Tracker["Service"], RedisUrlInvalid, Scope.Scope> {
  if (servers !== undefined) {
    return yield* TrackerServers.make({
      servers,
      keyPrefix: options.keyPrefix,
      timeoutMillis: options.timeoutMillis,
      follow: (url, keyOf) => followServer({ ...options, url, keyOf }, client),
    })
  }
  const target = yield* Effect.fromResult(RedisTarget.parse(options.url))
  if (target._tag !== "Server") return yield* Effect.die(new Error("a link to other servers"))
  return yield* followServer({ ...options, url: target.server }, client)
})

interface Server extends Omit<Options, "url"> {
  readonly url: RedisUrl
  readonly keyOf?: NonNullable<TrackerCanary.Options["keyOf"]>
}

const followServer = Effect.fnUntraced(function* (
  options: Server,
  client: RedisClient.RedisClient,
): Effect.fn.Return<Tracker["Service"], never, Scope.Scope> {
  const { url } = options
  const spread = yield* RedisClient.spread
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const settled = Latch.makeUnsafe(false)

  let refusal: Signal | undefined
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI
  let askedAt = -Infinity
  const sign = (): Signal => ({ _tag: "Alive", forMillis: askedAt + ASSURED_MILLIS - now() })
  const sink = TrackerSink.make(() =>
    connection.session() !== undefined ? [{ _tag: "Live" }, sign()] : refusal !== undefined ? [refusal] : [],
  )
  const alive = (sentAt: number): void => {
    askedAt = sentAt
    sink.tell(sign())
  }

  const connection = yield* Effect.acquireRelease(
    Effect.sync(() =>
      TrackerConnectionRedis.connect({
        url,
        keyPrefix: options.keyPrefix,
        timeoutMillis: options.timeoutMillis,
        spread,
        refusedPauseMillis: options.refusedPauseMillis ?? REFUSED_PAUSE_MILLIS,
        listener: {
          onLive: () => {
            refusal = undefined
            sink.tell({ _tag: "Live" })
            alive(now())
            settled.openUnsafe()
          },
          onClosed: () => settled.openUnsafe(),
          onLost: (reason) => sink.tell({ _tag: "Lost", reason }),
          onMessage: (payload) => hear(TrackerMessage.decode(payload, options.keyPrefix)),
          onUnsupported: (reason) => {
            refusal = { _tag: "Unsupported", reason }
            sink.tell(refusal)
          },
        },
      }),
    ),
    ({ redis }) => RedisClient.close(redis),
  )
  const fence = fences(connection, options.timeoutMillis, (task) => dispatcher.scheduleTask(task, 0))
  const canary = yield* TrackerCanary.make({
    client,
    keyPrefix: options.keyPrefix,
    fence,
    ...(options.keyOf === undefined ? {} : { keyOf: options.keyOf }),
    onRoundTrip: (millis) => sink.tell({ _tag: "RoundTrip", millis }),
  })

  const hear = (message: TrackerMessage.Message): void => {
    if (message._tag === "Flushed") sink.tell(message)
    if (message._tag !== "Written") return
    if (message.keys.length > 0) sink.tell({ _tag: "Invalidated", keys: message.keys })
    canary.hear(message.reserved)
  }

  yield* Effect.forkScoped(
    Effect.repeat(Effect.sync(beats(connection, now, alive)), Schedule.spaced(PING_EVERY_MILLIS)),
  )
  yield* Effect.forkScoped(Effect.repeat(rounds(connection, canary), Schedule.spaced(CANARY_EVERY)))
  yield* Effect.timeoutOption(settled.await, options.timeoutMillis)

  return Tracker.of({
    status: connection.status,
    fence,
    follow: sink.follow,
  })
})

/**
 * The calls of one turn of the event loop share a PING, which leaves at its end. Never one that has left: a
 * write may have been acknowledged since.
 */
const fences = (
  connection: TrackerConnectionRedis.TrackerConnection,
  timeoutMillis: number,
  later: (task: () => void) => void,
): Effect.Effect<void, NotLive> => {
  type Done = (failure: string | undefined) => void
  let waiting: Array<Done> | undefined

  const leave = (): void => {
    const calls = waiting ?? []
    waiting = undefined
    const done: Done = (failure) => {
      for (const call of calls) call(failure)
    }
    const session = connection.session()
    if (session === undefined) done(connection.status())
    else connection.ping(session, done)
  }

  return Effect.callback<void, NotLive>((resume) => {
    if (waiting === undefined) {
      waiting = []
      later(leave)
    }
    waiting.push((failure) =>
      resume(failure === undefined ? Effect.void : Effect.fail(new NotLive({ reason: failure }))),
    )
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () => Effect.fail(new NotLive({ reason: "no answer in time" })),
    }),
  )
}

/** One PING at a time: while one is out, the socket's timeout runs. */
const beats = (
  connection: TrackerConnectionRedis.TrackerConnection,
  now: () => number,
  alive: (sentAt: number) => void,
): (() => void) => {
  let beating: TrackerConnectionRedis.Session | undefined
  return () => {
    const session = connection.session()
    if (session === undefined || session === beating) return
    beating = session
    const sentAt = now()
    // An error is an answer too.
    connection.ping(session, (failure) => {
      if (beating === session) beating = undefined
      if (failure === undefined) alive(sentAt)
    })
  }
}

const rounds = (
  connection: TrackerConnectionRedis.TrackerConnection,
  canary: TrackerCanary.Canary,
): Effect.Effect<void> => {
  let refused = false
  return Effect.suspend(() => {
    const session = connection.session()
    if (session === undefined) return Effect.void
    return Effect.flatMap(canary.round, (outcome) => {
      if (outcome._tag === "Overdue") connection.drop(session, "a write was not heard of")
      if (outcome._tag === "Heard") refused = false
      if (outcome._tag !== "Refused" || refused) return Effect.void
      refused = true
      return logCanaryRefused(outcome.reason)
    })
  })
}

const logCanaryRefused = (reason: string) =>
  Effect.logWarning(
    "the store refuses the canary: that tracking works is not proven, only that it is there",
  ).pipe(Effect.annotateLogs({ reason }))
