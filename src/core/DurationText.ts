/**
 * The one grammar for durations that people write, in settings, flags and `?ttl=`: `250ms`, `30s`, `5m`,
 * `1h30m`, `5 minutes`, `2 days`, or a plain number of seconds.
 */
import * as Option from "effect/Option"

const MILLIS: Readonly<Record<string, number>> = {
  ms: 1,
  milli: 1,
  millis: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1_000,
  sec: 1_000,
  secs: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  mins: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
}

/** What is accepted, for error messages. */
export const ACCEPTED = "a duration such as 250ms, 30s, 5m, 1h30m, 5 minutes or a plain number of seconds"

/** Longer than this no store can keep time (in Redis, the sum with the wall clock must stay an integer). */
export const MAX_MILLIS = 100 * 365 * 86_400_000

/** Whole milliseconds; `None` for anything else, for negative ones and for more than 100 years. */
export const parse = (text: string): Option.Option<number> => {
  const input = text.trim().toLowerCase()
  if (/^\d+(\.\d+)?$/.test(input)) return bounded(Number(input) * 1_000)
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(input)) return Option.none()
  let millis = 0
  for (const [, amount, unit] of input.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const factor = MILLIS[unit ?? ""]
    if (factor === undefined) return Option.none()
    millis += Number(amount) * factor
  }
  return bounded(millis)
}

const bounded = (millis: number): Option.Option<number> =>
  millis <= MAX_MILLIS ? Option.some(Math.round(millis)) : Option.none()

/** The text of whole milliseconds, largest unit first: `1h30m`, `250ms`, `0s`. It parses back to the same. */
export const format = (millis: number): string => {
  if (millis === 0) return "0s"
  const parts: Array<string> = []
  let rest = millis
  for (const [unit, factor] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
    ["ms", 1],
  ] as const) {
    const amount = Math.floor(rest / factor)
    if (amount > 0) parts.push(`${amount}${unit}`)
    rest -= amount * factor
  }
  return parts.join("")
}
