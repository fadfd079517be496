/** A way to the data, whatever kind of store a URL names. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as RedisClient from "./RedisClient.ts"
import * as RedisServers from "./RedisServers.ts"
import * as RedisTarget from "./RedisTarget.ts"
import type * as RedisUrl from "./RedisUrl.ts"

export interface RedisLink {
  readonly client: RedisClient.RedisClient
  /** Which servers there are, where there are several or it changes. */
  readonly servers: RedisServers.RedisServers | undefined
}

export interface Options {
  /** As `RedisTarget.ts` says. */
  readonly url: string
  /** How long a command may take, a connection to come about, and a silent one to live. */
  readonly timeoutMillis: number
}

/** Starts without Redis too: then every command fails as not sent until it is there. */
export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<RedisLink, RedisUrl.RedisUrlInvalid, Scope.Scope> {
  const target = yield* Effect.fromResult(RedisTarget.parse(options.url))
  if (target._tag === "Server") return { client: yield* RedisClient.make(options), servers: undefined }
  const servers = yield* RedisServers.make(target, options.timeoutMillis)
  return { client: servers.client, servers }
})
