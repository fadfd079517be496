/**
 * A recorded stream of requests: `NAME.u32.gz` holds one little-endian uint32 per request, the id of the key,
 * numbered by first appearance; `NAME.w32.gz` beside it, where there is one, what each key's object weighs.
 */
import { existsSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { gunzipSync } from "node:zlib"

export const SUFFIX = ".u32.gz"
const WEIGHTS_SUFFIX = ".w32.gz"

export interface Trace {
  readonly name: string
  /** The ids of the keys in the order in which they are asked for. */
  readonly requests: Uint32Array
  /** How many keys there are. */
  readonly unique: number
  /** What each key's object weighs: its bytes, or 1 where entries are counted. */
  readonly weights: Uint32Array
  /** What all objects weigh together. */
  readonly total: number
}

export const nameOf = (file: string): string => basename(file, SUFFIX)

const weightsFileOf = (file: string): string => file.slice(0, -SUFFIX.length) + WEIGHTS_SUFFIX

export const hasWeights = (file: string): boolean => existsSync(weightsFileOf(file))

const numbersOf = (file: string): Uint32Array => {
  // A copy begins where a number may begin.
  const bytes = new Uint8Array(gunzipSync(readFileSync(file)))
  return new Uint32Array(bytes.buffer, 0, bytes.byteLength / Uint32Array.BYTES_PER_ELEMENT)
}

/** The trace of a file; `weighed`: by the bytes of its objects, else each counts one. */
export const read = (file: string, weighed: boolean): Trace => {
  const requests = numbersOf(file)
  const unique = requests.reduce((most, id) => Math.max(most, id + 1), 0)
  const weights = weighed ? numbersOf(weightsFileOf(file)) : new Uint32Array(unique).fill(1)
  return {
    name: nameOf(file),
    requests,
    unique,
    weights,
    total: weights.reduce((sum, weight) => sum + weight, 0),
  }
}
