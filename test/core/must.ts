/** An assertion for checks that run millions of times: chai's take microseconds each, this one takes none. */
import { assert } from "@effect/vitest"

// A type guard by assertion needs a declared type, so this is a function statement.
export function must(fact: boolean, otherwise: string): asserts fact {
  if (!fact) assert.fail(otherwise)
}

export const mustBe = <A>(found: A, expected: A, what: string): void => {
  if (!Object.is(found, expected)) assert.strictEqual(found, expected, what)
}
