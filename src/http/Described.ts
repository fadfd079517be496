/**
 * What readers over HTTP are told of a value besides the value: computed when the first one asks, remembered
 * for the entries that were asked for most recently.
 *
 * It hangs on the entry, so it goes when the entry goes. Two generations bound it: who is asked for moves to
 * the young one, and when that is full, the old one is forgotten as a whole.
 */
import * as Content from "../cache/Content.ts"
import type { Present } from "../core/Entry.ts"
import { quote } from "./Conditions.ts"

export interface Described extends Content.Description {
  /** The tag as headers have it. */
  readonly quotedEtag: string
}

export type Describe = (entry: Present) => Described

/** About what one costs that is remembered. */
const BYTES = 200
const GENERATIONS = 2
/** Of all that L1 may occupy, the part that descriptions may take. */
const PART = 1 / 16
/** More than this many are not worth their memory: they take a few microseconds to make. */
const MAX_REMEMBERED = 65_536

/** How many are remembered, at most, beside an L1 that may occupy so many bytes together with them. */
export const rememberedOf = (maxBytes: number): number =>
  Math.min(MAX_REMEMBERED, Math.floor((PART * maxBytes) / BYTES))

/** What so many occupy. */
export const bytesOf = (remembered: number): number => remembered * BYTES

export const describe: Describe = (entry) => {
  const description = Content.describe(entry.value)
  return { ...description, quotedEtag: quote(description.etag) }
}

/** Remembers at most so many. */
export const make = (remembered: number = MAX_REMEMBERED): Describe => {
  const most = Math.max(1, Math.floor(remembered / GENERATIONS))
  let young = new WeakMap<Present, Described>()
  let old = young
  let count = 0

  const remember = (entry: Present): Described => {
    const described = old.get(entry) ?? describe(entry)
    if (count === most) {
      old = young
      young = new WeakMap()
      count = 0
    }
    young.set(entry, described)
    count++
    return described
  }

  return (entry) => young.get(entry) ?? remember(entry)
}
