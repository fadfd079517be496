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

/** About 200 bytes each, in a generation. */
const MAX_REMEMBERED = 32_768

let young = new WeakMap<Present, Described>()
let old = young
let count = 0

export interface Described extends Content.Description {
  /** The tag as headers have it. */
  readonly quotedEtag: string
}

export const of = (entry: Present): Described => young.get(entry) ?? remember(entry)

const remember = (entry: Present): Described => {
  const described = old.get(entry) ?? describe(entry)
  if (count === MAX_REMEMBERED) {
    old = young
    young = new WeakMap()
    count = 0
  }
  young.set(entry, described)
  count++
  return described
}

const describe = (entry: Present): Described => {
  const description = Content.describe(entry.value)
  return { ...description, quotedEtag: quote(description.etag) }
}
