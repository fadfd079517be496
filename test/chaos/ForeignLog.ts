/** What the thread of foreign writers shares with the checker. */

/** One write. `text` undefined: it removed the key; with a life: it may do so until that is over. */
export interface ForeignWrite {
  /** Or several, as `Keys.keysOf` has it. */
  readonly key: number
  readonly text: string | undefined
  readonly lifeMillis: number
  /** Microseconds: before it was sent, and after it was acknowledged. */
  readonly start: number
  /** `UNKNOWN`: nobody knows how it ended. `REFUSED`: it never happened. */
  readonly end: number
}

export const UNKNOWN = Infinity
export const REFUSED = -Infinity

/** The text of a write that only its answer would have told. */
export const UNTOLD = "?"

/** Whether nobody can say when it happened, or if: no read must not miss it. */
export const isVague = ({ lifeMillis, text }: Pick<ForeignWrite, "lifeMillis" | "text">): boolean =>
  text === undefined && lifeMillis > 0

export interface ForeignBatch {
  readonly writes: ReadonlyArray<ForeignWrite>
  /** Every write that was sent before this has been told, in this batch or an earlier one. Microseconds. */
  readonly watermark: number
  /** It was the last one. */
  readonly done: boolean
}

export interface ForeignOptions {
  /** The port of the server that has each group of keys; who learns better says so here. */
  readonly routes: Int32Array<SharedArrayBuffer>
  /** FLUSHALL empties one server of several. */
  readonly isSharded: boolean
  readonly seed: number
  /** For each key the latest start of the writes that have been acknowledged. Microseconds. */
  readonly acknowledged: Float64Array<SharedArrayBuffer>
  /** Of each writer, between two writes. Milliseconds. */
  readonly pauseMillis: number
}
