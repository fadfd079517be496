/** Work on a key, one at a time in the order in which it came; on different keys at the same time. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Key } from "../core/Entry.ts"

export type Turns = (key: Key) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface Turn {
  readonly semaphore: Semaphore.Semaphore
  waiting: number
}

/** It holds something of a key only while there is work on it. */
export const make = (): Turns => {
  const turns = new Map<Key, Turn>()

  const enter = (key: Key): Turn => {
    const turn = turns.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: 0 }
    turns.set(key, turn)
    turn.waiting++
    return turn
  }

  const leave = (key: Key, turn: Turn) =>
    Effect.sync(() => {
      if (--turn.waiting === 0) turns.delete(key)
    })

  return (key) => (work) =>
    Effect.acquireUseRelease(
      Effect.sync(() => enter(key)),
      ({ semaphore }) => semaphore.withPermit(work),
      (turn) => leave(key, turn),
    )
}
