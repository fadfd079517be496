/** When a value that is written now will be forgotten, for the stores that keep that themselves. */
import * as Option from "effect/Option"
import type { Expiry } from "./Store.ts"

/** More than 30,000 years: what is longer is cut, so that a time stays an exact integer everywhere. */
const MAX_MILLIS = 1e15

/** Whole milliseconds, at least one: no store can hold parts, and none may forget early. */
export const wholeMillis = (millis: number): number => Math.min(Math.max(Math.ceil(millis), 1), MAX_MILLIS)

/** Wall-clock milliseconds; `Infinity`: never. `previous`: what is replaced, and when that would be forgotten. */
export const deadline = (
  expiry: Expiry | undefined,
  now: number,
  previous: Option.Option<{ readonly expiresAt: number }>,
): number => {
  switch (expiry?._tag) {
    case undefined:
    case "Never":
      return Infinity
    case "Keep":
      return Option.match(previous, { onNone: () => Infinity, onSome: ({ expiresAt }) => expiresAt })
    case "After":
      return now + wholeMillis(expiry.millis)
  }
}
