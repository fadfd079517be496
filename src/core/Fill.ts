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
 *
 * Tokens stand under the hashes of their keys, which whoever asks has computed anyway.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Key } from "./Entry.ts"

export interface Token {
  readonly key: Key
  /** Of the key, as the state computes it. */
  readonly hash: number
  readonly purpose: "read" | "write" | "resync"
  /** Distinguishes this permission from all others ever given for the key. */
  readonly id: number
}

export interface Fills {
  readonly nextId: number
  /** How many stand. */
  readonly size: number
  /** By hash: nearly always one. */
  readonly standing: HashMap.HashMap<number, ReadonlyArray<Token>>
}

/** `Started`: the caller asks the store. `Joined`: somebody already asked and the answer will do. */
export type Begun =
  | { readonly _tag: "Started"; readonly token: Token }
  | { readonly _tag: "Joined"; readonly token: Token }

export const none: Fills = { nextId: 0, size: 0, standing: HashMap.empty() }

const nobody: ReadonlyArray<Token> = []

const under = (self: Fills, hash: number): ReadonlyArray<Token> =>
  Option.getOrElse(HashMap.get(self.standing, hash), () => nobody)

const find = (self: Fills, key: Key, hash: number): Token | undefined => {
  for (const token of under(self, hash)) if (token.key === key) return token
  return undefined
}

const register = (
  self: Fills,
  key: Key,
  hash: number,
  purpose: Token["purpose"],
): readonly [Token, Fills] => {
  const token: Token = { key, hash, purpose, id: self.nextId }
  const before = under(self, hash)
  const others = before.length === 0 ? before : before.filter((other) => other.key !== key)
  return [
    token,
    {
      nextId: self.nextId + 1,
      size: self.size + 1 + others.length - before.length,
      standing: HashMap.set(self.standing, hash, others.length === 0 ? [token] : [...others, token]),
    },
  ]
}

const without = (self: Fills, gone: Token): Fills => {
  const others = under(self, gone.hash).filter((token) => token !== gone)
  const standing =
    others.length === 0
      ? HashMap.remove(self.standing, gone.hash)
      : HashMap.set(self.standing, gone.hash, others)
  return { nextId: self.nextId, size: self.size - 1, standing }
}

/** Before a read is sent to the store. */
export const beginRead = (self: Fills, key: Key, hash: number): readonly [Begun, Fills] => {
  const standing = find(self, key, hash)
  return standing?.purpose === "read"
    ? [{ _tag: "Joined", token: standing }, self]
    : beginReadAnew(self, key, hash)
}

/**
 * Before a read that must not be older than this moment is sent: it joins nobody, and what stood for the key is
 * withdrawn, as the later answer knows better.
 */
export const beginReadAnew = (self: Fills, key: Key, hash: number): readonly [Begun, Fills] => {
  const [token, next] = register(self, key, hash, "read")
  return [{ _tag: "Started", token }, next]
}

/** Before a write is sent to the store. Whatever stood for the key is withdrawn. */
export const beginWrite = (self: Fills, key: Key, hash: number): readonly [Token, Fills] =>
  register(self, key, hash, "write")

/** Before the resync looks at a key; `None` when somebody is reading or writing it, and will know better. */
export const beginResync = (self: Fills, key: Key, hash: number): readonly [Option.Option<Token>, Fills] => {
  if (isUnderWay(self, key, hash)) return [Option.none(), self]
  const [token, next] = register(self, key, hash, "resync")
  return [Option.some(token), next]
}

/** The token of this number, if it still stands. */
const standingAs = (self: Fills, { hash, id }: Token): Token | undefined => {
  for (const token of under(self, hash)) if (token.id === id) return token
  return undefined
}

/** Whether the token still stands. */
export const stands = (self: Fills, token: Token): boolean => standingAs(self, token) !== undefined

/** Whether somebody reads or writes the key. */
export const isUnderWay = (self: Fills, key: Key, hash: number): boolean =>
  find(self, key, hash) !== undefined

/** The token was used, or its question failed: it stands no more. Another token of the key is left alone. */
export const end = (self: Fills, token: Token): Fills => {
  const standing = standingAs(self, token)
  return standing === undefined ? self : without(self, standing)
}

/** What is being fetched for the key may be old by the time it arrives. */
export const withdraw = (self: Fills, key: Key, hash: number): Fills => {
  const standing = find(self, key, hash)
  return standing === undefined ? self : without(self, standing)
}

export const withdrawAll = (self: Fills): Fills =>
  self.size === 0 ? self : { nextId: self.nextId, size: 0, standing: HashMap.empty() }

/** All that stand, in no particular order. */
export const tokens = function* (self: Fills): Generator<Token> {
  for (const standing of HashMap.values(self.standing)) yield* standing
}
