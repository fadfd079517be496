/**
 * What `REDIS_URL` names: one server, a group that sentinels watch, or a cluster.
 *
 *     redis://user:password@host:port/db            rediss:// for TLS
 *     redis-sentinel://user:password@h1:p1,h2:p2/group/db
 *     redis-cluster://user:password@h1:p1,h2:p2
 *
 * User and password are those of the servers; sentinels are asked without. Any host that answers will do.
 */
import * as Result from "effect/Result"
import * as RedisUrl from "./RedisUrl.ts"

export interface Address {
  readonly host: string
  readonly port: number
}

export type RedisTarget =
  | { readonly _tag: "Server"; readonly server: RedisUrl.RedisUrl }
  | {
      readonly _tag: "Sentinel"
      readonly sentinels: ReadonlyArray<Address>
      readonly group: string
      readonly access: Access
    }
  | { readonly _tag: "Cluster"; readonly seeds: ReadonlyArray<Address>; readonly access: Access }

/** A server's URL without its address. */
export type Access = Omit<RedisUrl.RedisUrl, keyof Address>

const DEFAULT_SENTINEL_PORT = 26_379

const SEVERAL = /^redis-(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(\?|#)?/u

export const parse = (text: string): Result.Result<RedisTarget, RedisUrl.RedisUrlInvalid> => {
  const several = SEVERAL.exec(text)
  if (several === null) {
    return Result.map(RedisUrl.parse(text), (server) => ({ _tag: "Server", server }))
  }
  const [, kind, user, hosts = "", path = "", parameters] = several
  if (parameters !== undefined) return invalid("parameters after ? or # are not supported")
  const parsed = Result.all(hosts.split(",").map((host) => parseHost(user, host)))
  if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
  const [first] = parsed.success
  if (first === undefined) return invalid("it names no host")
  const { host: _, port: __, ...access } = first
  if (kind === "cluster") {
    return path === "" || path === "0"
      ? Result.succeed({ _tag: "Cluster", seeds: parsed.success.map(addressOf), access })
      : invalid("a cluster has no databases: nothing may follow its hosts")
  }
  const place = /^([^/]+)(?:\/(\d{0,5}))?$/u.exec(path)
  const group = place === null ? undefined : RedisUrl.decode(place[1] ?? "")
  if (group === undefined || group === "") {
    return invalid("the path is not the name of a sentinel group, with a database's number after it or not")
  }
  const sentinels = parsed.success.map(({ host, port }, index) => ({
    host,
    port: HAS_PORT.test(hosts.split(",")[index] ?? "") ? port : DEFAULT_SENTINEL_PORT,
  }))
  return Result.succeed({
    _tag: "Sentinel",
    sentinels,
    group,
    access: { ...access, db: Number(place?.[2] ?? "") },
  })
}

/** One text per server. */
export const nameOf = ({ host, port }: Address): string => `${host}:${port}`

const HAS_PORT = /:\d+$/u

const parseHost = (
  user: string | undefined,
  host: string,
): Result.Result<RedisUrl.RedisUrl, RedisUrl.RedisUrlInvalid> =>
  host === "" ? invalid("a host is missing") : RedisUrl.parse(`redis://${user ?? ""}@${host}`)

const addressOf = ({ host, port }: Address): Address => ({ host, port })

const invalid = (reason: string) => Result.fail(new RedisUrl.RedisUrlInvalid({ reason }))
