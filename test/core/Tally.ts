/** How often each thing happened over a whole run: a test of sequences proves nothing about what they never reach. */
import { assert } from "@effect/vitest"

export class Tally {
  readonly #seen = new Map<string, number>()

  add(fact: string, times = 1): void {
    this.#seen.set(fact, this.get(fact) + times)
  }

  get(fact: string): number {
    return this.#seen.get(fact) ?? 0
  }

  [Symbol.iterator](): Iterator<readonly [fact: string, times: number]> {
    return this.#seen.entries()
  }

  /** Fails unless each fact was seen at least so often; says what was seen. */
  expect(least: Readonly<Record<string, number>>): void {
    const rare = Object.entries(least).filter(([fact, times]) => this.get(fact) < times)
    assert.isEmpty(
      rare,
      `too rare for the test to mean much; seen: ${JSON.stringify(Object.fromEntries(this.#seen))}`,
    )
  }
}
