/**
 * Who asks, and what they may: a part of every request's context.
 *
 * A handler whose keys are in the body asks `mayTouch` for each of them. Outside a request nobody asks, and nobody
 * may anything.
 */
import * as Context from "effect/Context"
import type { Key } from "../core/Entry.ts"
import type { Scope } from "./api/Access.ts"

export interface Identity {
  /** The token's name; never the token. */
  readonly name: string
  /** Whether a token was sent, and whether it is one of ours. */
  readonly token: "missing" | "unknown" | "known" | "not-needed"
  readonly scopes: ReadonlySet<Scope>
  /** A listing or a feed of `prefix` shows nothing that the caller may not see. */
  readonly mayTouchAll: (prefix: string) => boolean
  readonly mayTouch: (key: Key) => boolean
}

const never = () => false
const always = () => true

const stranger = (token: "missing" | "unknown"): Identity => ({
  name: "anonymous",
  token,
  scopes: new Set(),
  mayTouch: never,
  mayTouchAll: never,
})

/** Tokens are needed, and none was sent. */
export const missing: Identity = stranger("missing")

/** A token was sent that is none of ours. */
export const unknown: Identity = stranger("unknown")

/** No tokens are set up: everybody may do everything. */
export const everybody: Identity = {
  name: "anonymous",
  token: "not-needed",
  scopes: new Set(["read", "write", "admin"]),
  mayTouch: always,
  mayTouchAll: always,
}

/** Who holds a token. `prefixes`: what their keys must begin with; absent: any key. */
export const known = (options: {
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
  readonly prefixes?: ReadonlyArray<string>
}): Identity => {
  const { name, prefixes, scopes } = options
  const isUnder =
    prefixes === undefined ? always : (text: string) => prefixes.some((prefix) => text.startsWith(prefix))
  return { name, token: "known", scopes, mayTouch: isUnder, mayTouchAll: isUnder }
}

export const Caller = Context.Reference<Identity>("cache-mechanism/http/Caller", {
  defaultValue: () => missing,
})
