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

/** Where the string that begins at `start` of a JSON text ends. */
const endOfString = (text: string, start: number): number => {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at + 1
}

const WHITE_SPACE_AND_COLON = /[\t\n\r ]*:/y

/** What is wrong with the form of a text that is JSON, if anything. */
const faultOfForm = (text: string): string | undefined => {
  /** The names of each object that is open; an array has none. */
  const open: Array<Set<string>> = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === "{" || character === "[") {
      if (open.length === MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`
      open.push(new Set())
    } else if (character === "}" || character === "]") {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      WHITE_SPACE_AND_COLON.lastIndex = end
      const names = open.at(-1)
      if (names !== undefined && WHITE_SPACE_AND_COLON.test(text)) {
        const name = String(JSON.parse(text.slice(at, end)))
        if (names.has(name)) return `the name ${JSON.stringify(name).slice(0, 50)} must not occur twice`
        names.add(name)
      }
      at = end - 1
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
