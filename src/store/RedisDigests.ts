/**
 * Which values Redis compares by their SHA-1 instead of sending them.
 *
 * A digest spares the wire and this process; it never spares Redis. A byte of a large value costs Redis 1.7 ns
 * when it is sent over loopback and 2.8 ns when it is hashed; receiving and comparing it costs this process 1 to
 * 2 ns (`npm run -s bench:digests`). So small values are sent: they cost Redis less and the wire little. From
 * 16 KiB on both processes together spend no more on digests, and the wire carries a thousandth or less.
 *
 * While a script hashes, Redis serves nobody else, and scripts that arrive together run one after the other. So
 * it is the question that is bounded, not the script: a mebibyte takes 3 ms, as long as putting two of them into
 * a reply does. A larger value is sent: that happens in parts, and others are served in between.
 */
import * as Option from "effect/Option"
import type { Key } from "../core/Entry.ts"
import { COMPARE_MAX_BYTES, type Known } from "./Store.ts"

export const DIGEST_MIN_BYTES = 16 * 1_024

/** A key, and for the script what is known of its value: tag and size. */
export interface Question {
  readonly key: Key
  readonly args: readonly [etag: string, size: number | string]
}

const SEND: Question["args"] = ["", ""]

export const questions = (
  asked: ReadonlyArray<{ readonly key: Key; readonly known: Option.Option<Known> }>,
): ReadonlyArray<Question> => {
  let left = COMPARE_MAX_BYTES
  return asked.map(({ key, known }) => {
    if (Option.isNone(known)) return { key, args: SEND }
    const { size } = known.value
    if (size < DIGEST_MIN_BYTES || size > left) return { key, args: SEND }
    left -= size
    return { key, args: [known.value.etag, size] }
  })
}
