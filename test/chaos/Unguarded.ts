/**
 * An L1 without its guard, for the negative control: an answer enters although its token was withdrawn, as in
 * a cache that writes down what it fetched and removes what it is told to remove. All else is as in life.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as L1 from "../../src/cache/L1.ts"
import type { Key } from "../../src/core/Entry.ts"
import type { Bounds } from "../../src/core/Eviction.ts"
import * as Fill from "../../src/core/Fill.ts"

export const layer = (bounds: Bounds): Layer.Layer<L1.L1> =>
  Layer.effect(
    L1.L1,
    Effect.map(L1.L1, (l1) => L1.L1.of({ ...l1, modify: unguarded(l1) })),
  ).pipe(Layer.provide(L1.layer(bounds)))

/** Answers do not stay away for longer than this many other questions about the same key. */
const REMEMBERED = 8

const unguarded = (l1: L1.L1["Service"]): L1.L1["Service"]["modify"] => {
  /** Of each key the tokens that no longer stand, the latest first. */
  const gone = new Map<Key, ReadonlyArray<Fill.Token>>()

  const remember = (before: Fill.Fills, next: Fill.Fills): void => {
    if (before.standing === next.standing) return
    for (const token of Fill.tokens(before)) {
      if (Fill.stands(next, token)) continue
      gone.set(token.key, [token, ...(gone.get(token.key) ?? [])].slice(0, REMEMBERED))
    }
  }

  return (transition) => {
    const before = l1.current()
    const [outcome, next] = transition(before)
    remember(before.fills, next.fills)
    if (!isWithdrawn(outcome)) return l1.modify(() => [outcome, next])
    // Which token it was only the transition knows: it is asked again with the others standing, in turn.
    for (let back = 0; back < REMEMBERED; back++) {
      let standing = before.fills.standing
      for (const tokens of gone.values()) {
        const token = tokens[back]
        if (token !== undefined) standing = HashMap.set(standing, token.hash, [token])
      }
      const [forced, forcedNext] = transition({ ...before, fills: { ...before.fills, standing } })
      if (isWithdrawn(forced)) continue
      return l1.modify(() => [forced, { ...forcedNext, fills: before.fills }])
    }
    return l1.modify(() => [outcome, next])
  }
}

/** The outcome of a `settle` whose token was withdrawn. */
const isWithdrawn = (outcome: unknown): boolean =>
  typeof outcome === "object" && outcome !== null && "why" in outcome && outcome.why === "withdrawn"
