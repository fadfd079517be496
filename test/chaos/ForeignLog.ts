/** What the thread of foreign writers shares with the checker. */

/** One write of one key. `text` undefined: it removed the key. `end` Infinity: nobody knows how it ended. */
export interface ForeignWrite {
  readonly key: number
  readonly text: string | undefined
  readonly lifeMillis: number
  /** Microseconds: before it was sent, and after it was acknowledged. */
  readonly start: number
  readonly end: number
}

export interface ForeignBatch {
  readonly writes: ReadonlyArray<ForeignWrite>
  /** Every write that was sent before this has been told, in this batch or an earlier one. Microseconds. */
  readonly watermark: number
  /** It was the last one. */
  readonly done: boolean
}

export interface ForeignOptions {
  readonly port: number
  readonly seed: number
  /** For each key the latest start of the writes that have been acknowledged. Microseconds. */
  readonly acknowledged: Float64Array<SharedArrayBuffer>
  /** Of each writer, between two writes. Milliseconds. */
  readonly pauseMillis: number
}
