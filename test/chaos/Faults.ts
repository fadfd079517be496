/** When what breaks: dealt from a seeded deck, so that in a short run too each thing happens. */
import * as Effect from "effect/Effect"
import type { Seeded } from "./Seeded.ts"
import type { Breaking } from "./Servers.ts"

export interface Breaker {
  /** Breaks one thing after the other until it is over, and leaves servers that run. */
  readonly run: (isOver: () => boolean) => Effect.Effect<void>
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>
  /** Each did. */
  readonly wasAll: () => boolean
}

export interface Options {
  readonly faults: Breaking
  /** By name; undefined: all. */
  readonly only: ReadonlyArray<string> | undefined
  readonly random: Seeded
  /** Between two, at most. */
  readonly gapMillis: number
}

const GAP_MIN_MILLIS = 200

export const make = ({ faults, gapMillis, only, random }: Options): Breaker => {
  const names = Object.keys(faults).filter((name) => only?.includes(name) ?? true)
  const counts: Record<string, number> = {}
  let deck: Array<string> = []

  const run = Effect.fnUntraced(function* (isOver: () => boolean) {
    while (!isOver() && names.length > 0) {
      yield* Effect.sleep(random.between(GAP_MIN_MILLIS, gapMillis))
      if (deck.length === 0) deck = random.shuffled(names)
      const name = isOver() ? undefined : deck.pop()
      if (name === undefined) continue
      yield* faults[name] ?? Effect.void
      counts[name] = (counts[name] ?? 0) + 1
    }
  })

  return { run, counts, wasAll: () => names.every((name) => (counts[name] ?? 0) > 0) }
}

/** At the same time; those that come first decide when the others end too. */
export const runAll = Effect.fnUntraced(function* (
  [first, ...others]: ReadonlyArray<Breaker>,
  isOver: () => boolean,
) {
  let done = false
  const leading = Effect.tap(first?.run(isOver) ?? Effect.void, () => Effect.sync(() => (done = true)))
  yield* Effect.all([leading, ...others.map(({ run }) => run(() => isOver() && done))], {
    concurrency: "unbounded",
    discard: true,
  })
})
