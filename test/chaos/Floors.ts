/**
 * What reads must not miss: for each key the latest start of the writes of a kind. What a failover may have
 * lost is let off, and no more than that.
 *
 * A loss has the floors of before (`keep`), when everything was known to be on the server that was promoted,
 * and an end, after which no more was lost. A write that had not been acknowledged before and began before
 * the end may be lost; a floor that only such writes raised is lowered to what it was before.
 */
import * as Keys from "./Keys.ts"
import { micros } from "./Time.ts"

/** The latest starts, in microseconds. */
export interface Floor {
  /** Of our acknowledged writes. */
  readonly own: number
  /** Of all writes that had been acknowledged when the last good fence was called. */
  readonly fenced: number
  /** Of the values that reads returned. */
  readonly seen: number
  /** Of all acknowledged writes. */
  readonly acknowledged: number
}

export type Kept = Readonly<Record<keyof Floor, Float64Array>>

interface Loss {
  readonly keys: ReadonlySet<number>
  readonly kept: Kept
  until: number
}

/** No read takes as long. */
const REMEMBERED_MICROS = 60_000_000

const floats = (): Float64Array => new Float64Array(Keys.COUNT)

const raise = (starts: Float64Array, which: number, start: number): void => {
  for (const key of Keys.keysOf(which)) starts[key] = Math.max(starts[key] ?? 0, start)
}

export class Floors {
  /** Raised by the thread of foreign writers too. */
  readonly foreign = new Float64Array(new SharedArrayBuffer(Keys.COUNT * Float64Array.BYTES_PER_ELEMENT))
  private readonly own = floats()
  private readonly fenced = floats()
  private readonly seen = floats()
  /** The latest first. */
  private losses: ReadonlyArray<Loss> = []

  acknowledge(which: number, start: number): void {
    raise(this.own, which, start)
  }

  acknowledgeForeign(which: number, start: number): void {
    raise(this.foreign, which, start)
  }

  see(key: number, start: number): void {
    raise(this.seen, key, start)
  }

  /** All that has been acknowledged so far, whoever wrote it; for `fence` when a fence called now succeeds. */
  acknowledged(): Float64Array {
    return this.own.map((start, key) => Math.max(start, this.foreign[key] ?? 0))
  }

  fence(acknowledged: Float64Array): void {
    for (const [key, start] of acknowledged.entries()) raise(this.fenced, key, start)
  }

  at(key: number): Floor {
    const own = this.own[key] ?? 0
    const acknowledged = Math.max(own, this.foreign[key] ?? 0)
    return this.standing(key, { own, acknowledged, fenced: this.fenced[key] ?? 0, seen: this.seen[key] ?? 0 })
  }

  /** What of an earlier floor still stands. */
  standing(key: number, floor: Floor): Floor {
    let { acknowledged, fenced, own, seen } = floor
    for (const { keys, kept, until } of this.losses) {
      if (!keys.has(key)) continue
      const lower = (start: number, before = 0) => (before < start && start < until ? before : start)
      own = lower(own, kept.own[key])
      seen = lower(seen, kept.seen[key])
      acknowledged = lower(acknowledged, kept.acknowledged[key])
      fenced = lower(fenced, kept.fenced[key])
    }
    return { own, fenced, seen, acknowledged }
  }

  keep(): Kept {
    const floors = Keys.numbers.map((key) => this.at(key))
    const all = (of: keyof Floor) => Float64Array.from(floors, (floor) => floor[of])
    const acknowledged = all("acknowledged")
    // A floor of a fence that was raised since comes from a fence that was called since.
    return { own: all("own"), seen: all("seen"), acknowledged, fenced: acknowledged }
  }

  /** From now on what came after `kept` may be lost; until the returned function is called. */
  lose(keys: ReadonlyArray<number>, kept: Kept): () => void {
    const loss: Loss = { keys: new Set(keys), kept, until: Infinity }
    const old = micros() - REMEMBERED_MICROS
    this.losses = [loss, ...this.losses.filter(({ until }) => until > old)]
    return () => {
      loss.until = micros()
    }
  }
}
