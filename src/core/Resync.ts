/**
 * What a comparison with the store finds, and how L1 is repaired.
 *
 * The store's answer to a token's question is held against what L1 has. What is the same stays as it is,
 * with the deadlines that it had: looking at an entry is no reason to keep it longer. What differs is
 * repaired through the token, so an answer that a write has overtaken repairs nothing.
 *
 * Of a large value the store may say only that it is still the one with the tag that it was told. Then the
 * bytes that L1 had when it asked are the answer: they come with the expiry and the time of this question, and
 * go the same way as bytes that were sent.
 */
import * as CacheState from "./CacheState.ts"
import { type Entry, isSameValue, present, type Present } from "./Entry.ts"
import * as Fill from "./Fill.ts"
import type { Deadlines } from "./Lifetime.ts"

export type Finding =
  | "unchanged"
  /** The store has another value, or another expiry: L1 has it now. */
  | "changed"
  /** The store has it no more: nor has L1. */
  | "removed"
  /** L1 did not have it and had room. */
  | "added"
  /** L1 did not have it and had no room. */
  | "no-room"
  /** Something happened to the key meanwhile, or there is nothing to compare: nothing done. */
  | "overtaken"

/**
 * Two looks at the same expiry differ by the time that the question travelled. A larger difference means
 * that somebody changed the expiry.
 */
const EXPIRY_TOLERANCE_MILLIS = 1_000

/** The answer to a question sent at `askedAt` that confirmed the value of this entry. */
export const confirmed = ({ key, value, weight }: Present, askedAt: number, deadlines: Deadlines): Present =>
  present(key, value, weight, askedAt, deadlines)

/**
 * Whether L1 has something else than the store answered, and no write is known that would explain it. With a
 * live tracker that is wrong, once a fence has passed since the answer.
 */
export const contradicts = (
  self: CacheState.CacheState,
  token: Fill.Token,
  answer: Entry,
  now: number,
): boolean => {
  const held = CacheState.peek(self, token.key, now)
  return (
    Fill.stands(self.fills, token) &&
    held !== undefined &&
    CacheState.isTrusted(self, held, now) &&
    !isSame(held, answer)
  )
}

/** `adopting`: an entry that L1 does not have is wanted, if there is room without evicting. */
export const reconcile = (
  self: CacheState.CacheState,
  token: Fill.Token,
  answer: Entry,
  now: number,
  adopting: boolean,
): readonly [Finding, CacheState.CacheState] => {
  if (!Fill.stands(self.fills, token)) return ["overtaken", self]
  const held = CacheState.peek(self, token.key, now)
  if (held === undefined) return adopting ? adopt(self, token, answer, now) : gone(self, token)
  if (isSame(held, answer)) {
    // A suspect copy that the store confirms is installed anew: then it is trusted again.
    return CacheState.isTrusted(self, held, now)
      ? ["unchanged", CacheState.abandon(self, token)]
      : ["unchanged", CacheState.settle(self, token, answer, now)[1]]
  }
  if (answer.value === undefined) return ["removed", CacheState.invalidate(self, token.key)[1]]
  // What was remembered as absent is as new to L1 as what it did not know.
  if (held.value === undefined) return adopt(self, token, answer, now)
  return ["changed", CacheState.settle(self, token, answer, now)[1]]
}

const gone = (self: CacheState.CacheState, token: Fill.Token): readonly [Finding, CacheState.CacheState] => [
  "overtaken",
  CacheState.abandon(self, token),
]

const adopt = (
  self: CacheState.CacheState,
  token: Fill.Token,
  answer: Entry,
  now: number,
): readonly [Finding, CacheState.CacheState] => {
  if (answer.value === undefined) return gone(self, token)
  const [settled, next] = CacheState.settle(self, token, answer, now, "if-room")
  if (settled._tag === "Installed") return ["added", next]
  return [settled.why === "no-room" || settled.why === "too-heavy" ? "no-room" : "overtaken", next]
}

const isSame = (held: Entry, answer: Entry): boolean => {
  if (held.value === undefined || answer.value === undefined) return held.value === answer.value
  return isSameValue(held.value, answer.value) && isSameExpiry(held.storeExpiresAt, answer.storeExpiresAt)
}

const isSameExpiry = (held: number | undefined, answer: number | undefined): boolean =>
  held === undefined || answer === undefined
    ? held === answer
    : Math.abs(held - answer) <= EXPIRY_TOLERANCE_MILLIS
