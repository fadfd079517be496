/**
 * JSON that loses nothing. `JSON.parse` turns 12345678901234567890 into another number without a word; here
 * that is an error, since what is stored must be what was sent.
 */
import * as Result from "effect/Result"

/** A decimal number without its notation: digits without leading and trailing zeros, and the exponent. */
const normalize = (text: string): string => {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (found === null) return text
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found
  const digits = (whole + fraction).replace(/^0+/, "")
  const significant = digits.replace(/0+$/, "")
  if (significant === "") return "0"
  return `${sign}${significant}e${Number(exponent) - fraction.length + (digits.length - significant.length)}`
}

/** Whether a number of a JSON text is the same number after reading and writing it. */
const survives = (source: string, value: number): boolean =>
  Number.isFinite(value) && normalize(source) === normalize(String(value))

/** Whether a text is JSON at all. */
export const isValid = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The value of a JSON text without loss, or the sentence that says what is wrong with it. */
export const parse = (text: string): Result.Result<unknown, string> => {
  let lost: string | undefined
  // The third argument is in the language since ES2025 and not yet in TypeScript's library.
  const reviver = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value === "number" && context?.source !== undefined && !survives(context.source, value)) {
      lost ??= context.source
    }
    return value
  }
  if (!isValid(text)) return Result.fail("must be valid JSON")
  try {
    const value: unknown = JSON.parse(text, reviver)
    return lost === undefined
      ? Result.succeed(value)
      : Result.fail(`the number ${lost.slice(0, 50)} cannot be kept exactly`)
  } catch {
    // A reviver goes as deep as the stack does, the parser itself goes deeper.
    return Result.fail("must not be nested this deeply")
  }
}
