/**
 * The access log: lines are gathered and written together, when there are enough of them, once a second, and at the
 * end. While the reader of the output does not keep up, lines are dropped rather than kept without bound, and how
 * many is a line of its own.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Writes a text and says when it is out. */
export type Output = (text: string, written: () => void) => void

export interface AccessLog {
  /** One line with its end. */
  readonly write: (line: string) => void
}

/** Enough to write at once, in characters. */
const ENOUGH = 32_768

/** No more is kept while the output is busy. */
const MAX_KEPT = 1_048_576

const EVERY = "1 second"

export const make = (output: Output): Effect.Effect<AccessLog, never, Scope.Scope> =>
  Effect.gen(function* () {
    let kept = ""
    let dropped = 0
    let isWriting = false

    const flush = (): void => {
      if (isWriting || (kept === "" && dropped === 0)) return
      const text = dropped === 0 ? kept : `${kept}{"dropped":${dropped}}\n`
      kept = ""
      dropped = 0
      isWriting = true
      output(text, () => {
        isWriting = false
        if (kept.length >= ENOUGH) flush()
      })
    }

    yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.sync(flush), EVERY)))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isWriting = false
        flush()
      }),
    )
    return {
      write: (line) => {
        if (kept.length >= MAX_KEPT) {
          dropped++
          return
        }
        kept += line
        if (kept.length >= ENOUGH) flush()
      },
    }
  })
