/**
 * Proves from time to time that tracking works: a write of ours must come back as an invalidation.
 *
 * A PING only proves that a connection lives. The canary is written on a data connection, to the server that
 * the data comes from; once it is acknowledged and a fence has passed, its invalidation must have been heard,
 * however slow the server or busy this process was. If not, tracking is lost or follows another server.
 */
import { hash } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { type Key, RESERVED_PREFIX } from "../core/Entry.ts"
import type { RedisClient } from "./RedisClient.ts"
import type * as RedisFault from "./RedisFault.ts"
import type { RedisScript } from "./RedisScript.ts"
import type { NotLive } from "./Tracker.ts"

export interface Canary {
  /** Among the reserved keys that were written. */
  readonly hear: (keys: ReadonlyArray<Key>) => void
  /** One round; succeeds with what it found. */
  readonly round: Effect.Effect<Outcome>
}

export type Outcome =
  | { readonly _tag: "Heard" }
  /** It did not come back. */
  | { readonly _tag: "Overdue" }
  /** The write was refused, for example for want of rights: nothing is known. */
  | { readonly _tag: "Refused"; readonly reason: string }
  /** The write was not sent or not answered, or the fence failed: nothing is known that is not known already. */
  | { readonly _tag: "Unknown" }

export interface Options {
  readonly client: RedisClient
  readonly keyPrefix: string
  readonly fence: Effect.Effect<void, NotLive>
  /** Told how long each round took from the write, sending included, to its invalidation, in milliseconds. */
  readonly onRoundTrip: (millis: number) => void
  /** The canary's key out of our own name for it, `None`: no key of this server can be had. By default the name. */
  readonly keyOf?: (name: Key) => Option.Option<Key>
}

/** For servers whose fence is not as strict as that of Redis. */
const GRACE = "250 millis"

/** Refusals that pass by themselves. */
const PASSING = ["CLUSTERDOWN", "LOADING", "MOVED"]

const NANOS_PER_MILLI = 1e6

/** A write that is announced and leaves nothing, at no moment. */
const LUA = `
redis.call('SET', KEYS[1], '')
redis.call('DEL', KEYS[1])`
const WRITE: RedisScript = { lua: LUA, sha: hash("sha1", LUA, "hex") }

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Canary> {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI
  // Our own: the canaries of other instances prove nothing about this one.
  const id = yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)
  const name = `${RESERVED_PREFIX}canary:${id.toString(36)}`
  const heard = Latch.makeUnsafe(false)
  let key = name
  let sentAt: number | undefined

  const write = Effect.callback<RedisFault.RedisFault | undefined>((resume) =>
    options.client.run(WRITE, [options.keyPrefix + key], [], (fault) => resume(Effect.succeed(fault))),
  )

  const outcomeOf = (fault: RedisFault.RedisFault | undefined): Effect.Effect<Outcome> => {
    if (fault !== undefined) {
      return Effect.succeed(
        fault._tag === "Refused" && !PASSING.includes(fault.code)
          ? { _tag: "Refused", reason: fault.reason }
          : { _tag: "Unknown" },
      )
    }
    return options.fence.pipe(
      Effect.andThen(Effect.timeoutOption(heard.await, GRACE)),
      Effect.match({
        onFailure: () => ({ _tag: "Unknown" }),
        onSuccess: (echo) => (Option.isSome(echo) ? { _tag: "Heard" } : { _tag: "Overdue" }),
      }),
    )
  }

  return {
    hear: (keys) => {
      if (sentAt === undefined || !keys.includes(key)) return
      options.onRoundTrip(now() - sentAt)
      sentAt = undefined
      heard.openUnsafe()
    },
    round: Effect.suspend(() => {
      const found = options.keyOf === undefined ? Option.some(name) : options.keyOf(name)
      if (Option.isNone(found)) return Effect.succeed<Outcome>({ _tag: "Unknown" })
      key = found.value
      heard.closeUnsafe()
      sentAt = now()
      return Effect.flatMap(write, outcomeOf)
    }),
  }
})
