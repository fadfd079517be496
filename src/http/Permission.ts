/** Whether a caller may do what they ask for: the one place that decides, for the hot path and the contract. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { unhandled } from "effect/Types"
import * as Access from "./api/Access.ts"
import { Permission } from "./api/Api.ts"
import * as Problems from "./api/Problems.ts"
import { Caller, type Identity } from "./Caller.ts"

const CHALLENGE = 'Bearer realm="cache-mechanism"'

/** What a request names: the key of its path, the prefix of its query. */
export interface Named {
  readonly key: string | undefined
  readonly prefix: string | undefined
}

const unauthorized = (caller: Identity) =>
  HttpApiSchema.withHeaders({
    body: new Problems.Unauthorized({
      detail:
        caller.token === "missing"
          ? "send a token as Authorization: Bearer …"
          : "the token is none that is known here",
    }),
    headers: {
      "www-authenticate": caller.token === "missing" ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`,
    },
  })

const insufficientScope = (scope: Access.Scope) =>
  HttpApiSchema.withHeaders({
    body: new Problems.InsufficientScope({ scope, detail: `the token lacks the scope ${scope}` }),
    headers: { "www-authenticate": `${CHALLENGE}, error="insufficient_scope", scope="${scope}"` },
  })

/** The 403 for keys that the caller's token does not cover. */
export const keyNotAllowed = (detail: string) =>
  HttpApiSchema.withHeaders({ body: new Problems.KeyNotAllowed({ detail }), headers: {} })

const isUnderPrefix = (caller: Identity, keys: Access.Needs["keys"], named: Named): boolean => {
  switch (keys) {
    case "path":
      return named.key !== undefined && caller.mayTouch(named.key)
    case "prefix":
      return caller.mayTouchAll(named.prefix ?? "")
    case "all":
      return caller.mayTouchAll("")
    case "handler":
    case "none":
      return true
  }
}

/** Nothing, or why not. */
export const refusal = (caller: Identity, needs: Access.Needs, named: Named) => {
  const { keys, scope } = needs
  if (scope === "open") return undefined
  if (caller.token === "missing" || caller.token === "unknown") return unauthorized(caller)
  if (!caller.scopes.has(scope)) return insufficientScope(scope)
  if (isUnderPrefix(caller, keys, named)) return undefined
  return keyNotAllowed(
    keys === "path"
      ? "the token does not cover this key"
      : keys === "prefix"
        ? "the token covers some prefixes only: prefix must begin with one of them"
        : "the token covers some prefixes only, and this concerns all keys",
  )
}

type Refusal = Exclude<ReturnType<typeof refusal>, undefined>

const READ: Access.Needs = { scope: "read", keys: "path", streams: false, probe: false }

/** Whether a plain read is allowed; who is refused hears it from the contract. */
export const mayRead = (caller: Identity, key: string): boolean =>
  caller.scopes.has("read") && refusal(caller, READ, { key, prefix: undefined }) === undefined

const namedIn = (context: Context.Context<HttpRouter.Provided>): Named => {
  const { prefix } = Context.get(context, HttpServerRequest.ParsedSearchParams)
  return {
    key: Context.get(context, HttpRouter.RouteContext).params["key"],
    // Twice is none: what the parameter's schema refuses must not pass here.
    prefix: typeof prefix === "string" ? prefix : undefined,
  }
}

/** A key in a body that the caller may not touch. */
export const touch = (key: string): Effect.Effect<void, ReturnType<typeof keyNotAllowed>> =>
  Effect.flatMap(Caller, (caller) =>
    caller.mayTouch(key) ? Effect.void : Effect.fail(keyNotAllowed("the token does not cover this key")),
  )

/** Asks before every operation of the contract. */
export const layer = Layer.succeed(Permission, (operation, { endpoint, group }) => {
  const needs = Access.of({
    method: endpoint.method,
    path: endpoint.path,
    annotations: Context.merge(group.annotations, endpoint.annotations),
  })
  return Effect.contextWith(
    (
      context: Context.Context<HttpRouter.Provided>,
    ): Effect.Effect<HttpServerResponse, unhandled | Refusal> => {
      const refused = refusal(Context.get(context, Caller), needs, namedIn(context))
      return refused === undefined ? operation : Effect.fail(refused)
    },
  )
})
