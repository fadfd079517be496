/**
 * One server's `redis://user:password@host:port/db`, or `rediss://` for TLS. Read here and not by the client, which takes
 * any query parameter for one of its own options.
 */
import { isIP } from "node:net"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export interface RedisUrl {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
}

/** Never holds the URL: it may hold a password. */
export class RedisUrlInvalid extends Schema.TaggedError<RedisUrlInvalid>()("RedisUrlInvalid", {
  reason: Schema.String,
}) {}

const DEFAULT_PORT = 6379

export const parse = (text: string): Result.Result<RedisUrl, RedisUrlInvalid> => {
  const url = URL.parse(text)
  if (url === null) return invalid("it is not a URL")
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    return invalid(
      `it begins with ${url.protocol}, expected redis: or rediss:, redis-sentinel: or redis-cluster:`,
    )
  }
  if (url.search !== "" || url.hash !== "") return invalid("parameters after ? or # are not supported")
  const db = /^\/?(\d{0,5})$/u.exec(url.pathname)
  if (db === null) return invalid("the path is not the number of a database")
  const username = decode(url.username)
  const password = decode(url.password)
  if (username === undefined || password === undefined) {
    return invalid("user or password holds a % that begins no escape")
  }
  const host = url.hostname.replace(/^\[|\]$/gu, "")
  return Result.succeed({
    host: host === "" ? "localhost" : host,
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    tls: url.protocol === "rediss:",
    username: username === "" ? undefined : username,
    password: password === "" ? undefined : password,
    db: Number(db[1]),
  })
}

/** TLS asks for a name; an address is not one. */
export const serverName = (self: RedisUrl): string | undefined =>
  isIP(self.host) === 0 ? self.host : undefined

const invalid = (reason: string) => Result.fail(new RedisUrlInvalid({ reason }))

/** Undefined: it cannot be decoded. */
export const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
