/**
 * How each write ended: what a key may hold, or not hold, and until when at the latest it came to that.
 */
import { Ends } from "./Ends.ts"
import { type ForeignWrite, isVague, UNTOLD } from "./ForeignLog.ts"
import * as Keys from "./Keys.ts"
import { micros, MICROS_PER_MILLI } from "./Time.ts"
import * as Value from "./Value.ts"

export type Write = Pick<ForeignWrite, "key" | "text" | "lifeMillis" | "start">

/** A value with a life may be seen this much longer: by who joined a question that was on its way. */
const LIFE_SLACK_MILLIS = 700

const NOT_DONE_MAX = 100_000

/** Nobody wrote it, or not there. */
export const NEVER = -1

export class Endings {
  /** When the last removal that has ended did so at the latest. */
  private readonly removedUntil = new Float64Array(Keys.COUNT)
  /** The same for what came to a key in a way that only the unknown answer would have told. */
  private readonly untoldUntil = new Float64Array(Keys.COUNT)
  /** Removals, and writes of untold texts, that have not ended. */
  private readonly open = new Set<Write>()
  private readonly pending = new Set<string>()
  private readonly notDone = new Set<string>()
  private readonly ends = new Ends()

  begin(write: Write): void {
    if (write.text === undefined || write.text === UNTOLD) this.open.add(write)
    else this.pending.add(identity(write.key, write.text))
  }

  /** If it happened, it did before `end`. */
  end(write: Write, end: number): void {
    this.open.delete(write)
    if (write.text === undefined) return this.removed(write, isVague(write) ? lastSeen(write, end) : end)
    if (write.text === UNTOLD) {
      this.untoldUntil[write.key] = Math.max(this.untoldUntil[write.key] ?? 0, end)
      return
    }
    const id = identity(write.key, write.text)
    this.pending.delete(id)
    this.ends.set(id, write.start, end, micros())
    if (write.lifeMillis > 0) this.removed(write, lastSeen(write, end))
  }

  /** It surely never happened. */
  retract(write: Write): void {
    this.open.delete(write)
    if (write.text === undefined || write.text === UNTOLD) return
    this.pending.delete(identity(write.key, write.text))
    this.notDone.add(write.text)
    for (const oldest of this.notDone) {
      if (this.notDone.size <= NOT_DONE_MAX) break
      this.notDone.delete(oldest)
    }
  }

  wasRetracted(text: string): boolean {
    return this.notDone.has(Value.last(text))
  }

  /** What may have removed a key and has ended, did so by then. */
  removedBy(key: number): number {
    return this.removedUntil[key] ?? 0
  }

  /** When what a key holds was written, at the latest; or, where it holds nothing, removed. */
  of(key: number, text: string | undefined): number {
    if (text === undefined) return this.isOpen(key, undefined) ? Infinity : this.removedBy(key)
    const id = identity(key, text)
    if (this.pending.has(id)) return Infinity
    const value = Value.decode(text)
    if (typeof value !== "object") return Infinity
    if (Keys.isFamily(key)) {
      const untold = this.isOpen(key, UNTOLD) ? Infinity : this.untoldUntil[key] || NEVER
      return Math.max(this.ends.exact(id) ?? NEVER, untold)
    }
    // A counter may have come further than anybody was told.
    return Number.isNaN(value.key) ? (this.ends.exact(id) ?? Infinity) : this.ends.get(id, value.start)
  }

  private removed({ key: which }: Write, until: number): void {
    for (const key of Keys.keysOf(which)) {
      this.removedUntil[key] = Math.max(this.removedUntil[key] ?? 0, until)
    }
  }

  private isOpen(key: number, text: string | undefined): boolean {
    for (const write of this.open) {
      if (write.text === text && Keys.keysOf(write.key).includes(key)) return true
    }
    return false
  }
}

/** Reads that began later must not return a value that was written at `end` with a life. */
export const lastSeen = ({ lifeMillis }: { readonly lifeMillis: number }, end: number): number =>
  lifeMillis === 0 ? Infinity : end + (lifeMillis + LIFE_SLACK_MILLIS) * MICROS_PER_MILLI

/** Of one write: what a family holds has gone from key to key. */
const identity = (key: number, text: string): string =>
  Keys.isFamily(key) ? `${key} ${Value.last(text)}` : text
