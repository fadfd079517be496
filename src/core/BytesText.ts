/** The one grammar for amounts of bytes that people write: `256 MiB`, `256mb`, `1024`. */
import * as Option from "effect/Option"

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1_024,
  mib: 1_048_576,
  gib: 1_073_741_824,
}

/** What is accepted, for error messages. */
export const ACCEPTED = "an amount of bytes such as 256 MiB (1024 x 1024), 256mb (1000 x 1000) or 1048576"

/** Whole bytes; `None` for anything else. */
export const parse = (text: string): Option.Option<number> => {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim().toLowerCase())
  const factor = FACTORS[found?.[2] ?? "?"]
  if (found === null || factor === undefined) return Option.none()
  const bytes = Math.round(Number(found[1]) * factor)
  return Number.isSafeInteger(bytes) ? Option.some(bytes) : Option.none()
}

/** `256 MiB` when it is a whole number of them, and so on downwards; else plain bytes. */
export const format = (bytes: number): string => {
  for (const [unit, factor] of [
    ["GiB", 1_073_741_824],
    ["MiB", 1_048_576],
    ["KiB", 1_024],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor} ${unit}`
  }
  return String(bytes)
}
