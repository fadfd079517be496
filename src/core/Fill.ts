/**
 * Permission to bring a value into L1, and how it is withdrawn.
 *
 * A question to the store and its answer are two moments; a write may fall between them. So a token is
 * registered *before* the question is sent, and an invalidation of the key withdraws it. When the answer
 * arrives, only a token that still stands may install it. The answer always reaches its callers: what was
 * true when they asked is a correct answer for them, and only for them.
 *
 * - At most one token stands per key. A later reader joins it, so concurrent misses ask once. Only one that needs
 *   an answer no older than itself asks anew, and its token takes the place of the one that stood.
 * - A reader that comes after an invalidation finds no token and asks anew: it never joins a question that
 *   was asked before the write it must see.
 * - A writer's token lets an acknowledged write enter L1. Readers do not join it (the write may fail); a
 *   reader's own token replaces it, and then the write does not enter.
 * - The resync takes a token only where none stands, and gives way to readers in the same manner.
 * - Evicting an entry for room leaves tokens alone.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Key } from "./Entry.ts"

export interface Token {
  readonly key: Key
  readonly purpose: "read" | "write" | "resync"
  /** Distinguishes this permission from all others ever given for the key. */
  readonly id: number
}

export interface Fills {
  readonly nextId: number
  readonly standing: HashMap.HashMap<Key, Token>
}

/** `Started`: the caller asks the store. `Joined`: somebody already asked and the answer will do. */
export type Begun =
  | { readonly _tag: "Started"; readonly token: Token }
  | { readonly _tag: "Joined"; readonly token: Token }

export const none: Fills = { nextId: 0, standing: HashMap.empty() }

const register = (self: Fills, key: Key, purpose: Token["purpose"]): readonly [Token, Fills] => {
  const token: Token = { key, purpose, id: self.nextId }
  return [token, { nextId: self.nextId + 1, standing: HashMap.set(self.standing, key, token) }]
}

/** Before a read is sent to the store. */
export const beginRead = (self: Fills, key: Key): readonly [Begun, Fills] => {
  const standing = HashMap.get(self.standing, key)
  if (Option.isSome(standing) && standing.value.purpose === "read") {
    return [{ _tag: "Joined", token: standing.value }, self]
  }
  return beginReadAnew(self, key)
}

/**
 * Before a read that must not be older than this moment is sent: it joins nobody, and what stood for the key is
 * withdrawn, as the later answer knows better.
 */
export const beginReadAnew = (self: Fills, key: Key): readonly [Begun, Fills] => {
  const [token, next] = register(self, key, "read")
  return [{ _tag: "Started", token }, next]
}

/** Before a write is sent to the store. Whatever stood for the key is withdrawn. */
export const beginWrite = (self: Fills, key: Key): readonly [Token, Fills] => register(self, key, "write")

/** Before the resync looks at a key; `None` when somebody is reading or writing it, and will know better. */
export const beginResync = (self: Fills, key: Key): readonly [Option.Option<Token>, Fills] => {
  if (HashMap.has(self.standing, key)) return [Option.none(), self]
  const [token, next] = register(self, key, "resync")
  return [Option.some(token), next]
}

/** Whether the token still stands. */
export const stands = (self: Fills, token: Token): boolean => {
  const standing = HashMap.get(self.standing, token.key)
  return Option.isSome(standing) && standing.value.id === token.id
}

/** The token was used, or its question failed: it stands no more. Another token of the key is left alone. */
export const end = (self: Fills, token: Token): Fills =>
  stands(self, token) ? { nextId: self.nextId, standing: HashMap.remove(self.standing, token.key) } : self

/** What is being fetched for the key may be old by the time it arrives. */
export const withdraw = (self: Fills, key: Key): Fills =>
  HashMap.has(self.standing, key) ? { ...self, standing: HashMap.remove(self.standing, key) } : self

export const withdrawAll = (self: Fills): Fills =>
  HashMap.isEmpty(self.standing) ? self : { ...self, standing: HashMap.empty() }

export const size = (self: Fills): number => HashMap.size(self.standing)
