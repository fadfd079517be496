/**
 * When L1 heard what: how long after a write's acknowledgement its old value was still there. Measured where
 * L1 is changed, on keys that are written too rarely for one invalidation to stand for two writes.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Signal, Tracker } from "../../src/store/Tracker.ts"
import type { ForeignWrite } from "./ForeignLog.ts"
import { micros, MICROS_PER_MILLI } from "./Time.ts"

const ALL = "*"
const SAMPLES_MAX = 200_000
/** What was not heard by then is not waited for. */
const PATIENCE_MICROS = 10_000_000

export class Heard {
  losses = 0
  /** Writes that were acknowledged while the tracker was live and never heard of. */
  missed = 0
  readonly millis: Array<number> = []
  private readonly times = new Map<string, Array<number>>()
  private waiting: Array<{ readonly key: string; readonly start: number; readonly end: number }> = []
  private readonly outages: Array<{ readonly from: number; to: number }> = []
  private readonly isMeasured: (key: string) => boolean

  constructor(isMeasured: (key: string) => boolean) {
    this.isMeasured = isMeasured
  }

  /** The tracker; each signal is noted once L1 has been changed. */
  readonly over = <E>(tracker: Layer.Layer<Tracker, E>): Layer.Layer<Tracker, E> =>
    Layer.effect(
      Tracker,
      Effect.map(Tracker, (inner) =>
        Tracker.of({
          ...inner,
          follow: (sink) =>
            inner.follow((signal) => {
              sink(signal)
              this.hear(signal)
            }),
        }),
      ),
    ).pipe(Layer.provide(tracker))

  private hear(signal: Signal): void {
    const now = micros()
    switch (signal._tag) {
      case "Invalidated":
        for (const key of signal.keys) if (this.isMeasured(key)) this.note(key, now)
        return
      case "Flushed":
        return this.note(ALL, now)
      case "Lost":
        this.losses++
        this.outages.push({ from: now, to: Infinity })
        return this.note(ALL, now)
      case "Live": {
        const outage = this.outages.at(-1)
        if (outage !== undefined) outage.to = now
        return
      }
      default:
    }
  }

  private note(key: string, now: number): void {
    const times = this.times.get(key) ?? []
    times.push(now)
    this.times.set(key, times)
  }

  /** How long it was not live, in all. */
  lostSeconds(now = micros()): number {
    const millis = this.outages.reduce((sum, { from, to }) => sum + Math.min(to, now) - from, 0)
    return Math.round(millis / MICROS_PER_MILLI) / 1_000
  }

  wrote(key: string, { end, start }: Pick<ForeignWrite, "start" | "end">): void {
    if (Number.isFinite(end) && this.isMeasured(key)) this.waiting.push({ key, start, end })
  }

  /** Looks for what was heard of the writes told so far. */
  settle(now = micros()): void {
    const before = now - PATIENCE_MICROS
    this.waiting = this.waiting.filter((write) => {
      // While it is not live L1 serves nothing as fresh, so nothing is stale.
      if (this.outages.some(({ from, to }) => write.start >= from && write.start <= to)) return false
      const heard = Math.min(this.first(write.key, write.start), this.first(ALL, write.start))
      if (heard !== Infinity) {
        if (this.millis.length < SAMPLES_MAX) this.millis.push((heard - write.end) / MICROS_PER_MILLI)
        return false
      }
      if (write.start < before) this.missed++
      return write.start >= before
    })
    for (const [key, times] of this.times) {
      this.times.set(
        key,
        times.filter((time) => time > before),
      )
    }
  }

  private first(key: string, from: number): number {
    return this.times.get(key)?.find((time) => time >= from) ?? Infinity
  }
}

export interface Spread {
  readonly samples: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Milliseconds, to the microsecond; below 0: L1 had heard before the writer was told. */
export const spreadOf = (millis: ReadonlyArray<number>): Spread => {
  const sorted = millis.toSorted((a, b) => a - b)
  const at = (part: number) => Number((sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN).toFixed(3))
  return { samples: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
