/**
 * What an operation asks of its caller, declared on the operation itself: the scope of the token, where the keys
 * that it touches are named, and whether it streams.
 *
 * An operation that says nothing gets the careful reading: GET and HEAD need `read`, other methods that are known
 * need `write`, all else `admin`; and a token that is limited to prefixes of keys is refused where nobody has said
 * where the keys are.
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"

/** What a token may be good for. */
export const SCOPES = ["read", "write", "admin"] as const

export type Scope = (typeof SCOPES)[number]

export interface Needs {
  /** `open`: no token is asked for. */
  readonly scope: Scope | "open"
  /**
   * Where the keys are that the operation touches: `path`: `:key`; `prefix`: the query's `prefix`, without which
   * it touches all; `handler`: in the body, and the handler asks `Caller.mayTouch` for each; `none`: it shows
   * and changes none; `all`: any of them, so a token that is limited to prefixes is refused.
   */
  readonly keys: "path" | "prefix" | "handler" | "none" | "all"
  /** It lasts as long as it lasts: no time-out, and not counted among the requests in flight. */
  readonly streams: boolean
  /** Asked by probes: never limited in rate or number. */
  readonly probe: boolean
}

/** The part of its needs that an operation or a group declares. */
export class Access extends Context.Service<Access, Partial<Needs>>()("cache-mechanism/http/api/Access") {}

/** An annotation for an operation or a group. */
export const needs = (declared: Partial<Needs>): Context.Context<Access> => Context.make(Access, declared)

const scopeOf = (method: string): Scope => {
  switch (method) {
    case "GET":
    case "HEAD":
      return "read"
    case "POST":
    case "PUT":
    case "PATCH":
    case "DELETE":
      return "write"
    default:
      return "admin"
  }
}

/** What an operation needs. `annotations`: those of its group under its own. */
export const of = (operation: {
  readonly method: string
  readonly path: string
  readonly annotations: Context.Context<never>
}): Needs => ({
  scope: scopeOf(operation.method),
  keys: /\/:key(\/|$)/.test(operation.path) ? "path" : "all",
  streams: false,
  probe: false,
  ...Option.getOrElse(Context.getOption(operation.annotations, Access), () => ({})),
})
