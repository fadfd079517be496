/**
 * What is written in a run: each value once in all runs, and it says where and when. What is appended is a
 * value too: the last one in the text is the one that counts.
 *
 * A counter's value is a number that counts on from the time when it was set, so its start is not later than
 * it says. A small number is that of a counter which was removed meanwhile: such values come again, so they
 * say nothing.
 */

export interface Value {
  /** Microseconds; not after the write was sent. */
  readonly start: number
  /** What the writer said about its life in Redis, in milliseconds; 0: it has no end. */
  readonly lifeMillis: number
  /** Where it was written first. */
  readonly key: number
}

export const encode = (writer: string, sequence: number, { key, lifeMillis, start }: Value): string =>
  `${writer}.${sequence}.${start}.${lifeMillis}.${key}`

const SEPARATOR = "+"

/** To be appended. */
export const encodeMore = (writer: string, sequence: number, value: Value): string =>
  SEPARATOR + encode(writer, sequence, value)

export const last = (text: string): string => text.slice(text.lastIndexOf(SEPARATOR) + 1)

const COUNTER_MIN = 1e6
const VALUE = /^[fo]\d+\.\d+\.(\d+)\.(\d+)\.(\d+)$/
const NUMBER = /^\d+$/

/** `"again"`: a value that may come again. Undefined: nobody ever wrote it. */
export const decode = (text: string): Value | "again" | undefined => {
  const found = VALUE.exec(last(text))
  if (found !== null) return { start: Number(found[1]), lifeMillis: Number(found[2]), key: Number(found[3]) }
  if (!NUMBER.test(text)) return undefined
  return Number(text) < COUNTER_MIN ? "again" : { start: Number(text), lifeMillis: 0, key: Number.NaN }
}
