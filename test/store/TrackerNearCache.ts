/**
 * The smallest cache that a tracker can keep right: a map, a token per question in flight, an epoch. Apart
 * from the one under `src/`, so that the tracker is judged by itself.
 */
import * as Effect from "effect/Effect"
import type { Signal } from "../../src/store/Tracker.ts"

export interface NearCache {
  readonly apply: (signal: Signal) => void
  /** Through the cache; a failed question is a failure. */
  readonly read: (key: string) => Effect.Effect<string, string>
  readonly held: () => ReadonlyMap<string, string>
}

export const make = (send: (command: "GET", key: string) => Effect.Effect<unknown, string>): NearCache => {
  const held = new Map<string, string>()
  const tokens = new Map<string, { fresh: boolean }>()
  let live = false

  const forget = (key: string): void => {
    held.delete(key)
    const token = tokens.get(key)
    if (token !== undefined) token.fresh = false
    tokens.delete(key)
  }
  const forgetAll = (): void => {
    for (const key of [...held.keys(), ...tokens.keys()]) forget(key)
  }

  return {
    held: () => held,
    apply: (signal) => {
      if (signal._tag === "Invalidated") signal.keys.forEach(forget)
      else if (signal._tag !== "RoundTrip" && signal._tag !== "Alive") {
        forgetAll()
        if (signal._tag !== "Flushed") live = signal._tag === "Live"
      }
    },
    read: (key) =>
      Effect.suspend(() => {
        const value = held.get(key)
        if (value !== undefined) return Effect.succeed(value)
        // Questions of others for the same key share a token, not an answer: all of them were asked after it.
        const token = tokens.get(key) ?? { fresh: live }
        if (live) tokens.set(key, token)
        return Effect.map(send("GET", key), (reply) => {
          const text = String(reply)
          if (token.fresh) held.set(key, text)
          if (tokens.get(key) === token) tokens.delete(key)
          return text
        })
      }),
  }
}
