/**
 * JSON that loses nothing. `JSON.parse` turns 12345678901234567890 into another number without a word, and of
 * two members with one name drops the first; here both are errors, since what is stored must be what was sent.
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

/** How deep a value may be nested: what walks through it afterwards must not run out of stack. */
const MAX_DEPTH = 1_000

/** A string with the colon that makes it a name, or a bracket. Of a text that is JSON, nothing else matters here. */
const NAMES_AND_BRACKETS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g

/** What is wrong with the form of a JSON text, if anything. */
const faultOfForm = (text: string): string | undefined => {
  /** The names of each object that is open; an array has none. */
  const open: Array<Set<string>> = []
  for (const [token, colon] of text.matchAll(NAMES_AND_BRACKETS)) {
    if (token === "{" || token === "[") {
      if (open.length === MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`
      open.push(new Set())
    } else if (token === "}" || token === "]") {
      open.pop()
    } else if (colon !== undefined) {
      const name: unknown = JSON.parse(token.slice(0, -colon.length))
      const names = open.at(-1)
      if (typeof name !== "string" || names === undefined) continue
      if (names.has(name)) return `the name ${JSON.stringify(name).slice(0, 50)} must not occur twice`
      names.add(name)
    }
  }
  return undefined
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
  const fault = faultOfForm(text)
  if (fault !== undefined) return Result.fail(fault)
  const value: unknown = JSON.parse(text, reviver)
  return lost === undefined
    ? Result.succeed(value)
    : Result.fail(`the number ${lost.slice(0, 50)} cannot be kept exactly`)
}
