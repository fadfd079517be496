/**
 * What was written and when, and whether a read may return what it returned.
 *
 * Writers overlap and nobody knows in which order Redis had them, so the checker claims only what time
 * proves: a write that had ended before another one began came before it. Of the writes that a read must not
 * miss it needs no more than the latest start; a value whose own write had ended before that is too old. An
 * absence is right if a removal may have come after them.
 *
 * A read is judged when all is known that was written before it ended: foreign writes are told in batches.
 */
import { Ends } from "./Ends.ts"
import type { ForeignBatch, ForeignWrite } from "./ForeignLog.ts"
import * as Keys from "./Keys.ts"
import { micros, MICROS_PER_MILLI } from "./Time.ts"
import * as Value from "./Value.ts"
import type { Violations } from "./Violations.ts"

/** A write of ours that is under way. */
export interface Writing {
  readonly key: number
  readonly text: string | undefined
  readonly lifeMillis: number
  readonly start: number
}

/** What a read that begins now must not miss: the latest starts. */
export interface Begun {
  readonly key: number
  readonly at: number
  /** Of our acknowledged writes. */
  readonly own: number
  /** Of all writes that had been acknowledged when the last good fence was called. */
  readonly fenced: number
  /** Of the values that reads returned. */
  readonly seen: number
  /** Of all acknowledged writes, for a write that needed the value. */
  readonly replaced?: number
}

interface Suspect {
  readonly begun: Begun
  readonly text: string | undefined
  readonly doneAt: number
}

/** A value with a life may be seen this much longer: by who joined a question that was on its way. */
const LIFE_SLACK_MILLIS = 700

const NOT_DONE_MAX = 100_000

export class History {
  readonly foreignAcknowledged = new Float64Array(
    new SharedArrayBuffer(Keys.COUNT * Float64Array.BYTES_PER_ELEMENT),
  )
  private readonly own = new Float64Array(Keys.COUNT)
  private readonly fenced = new Float64Array(Keys.COUNT)
  private readonly seen = new Float64Array(Keys.COUNT)
  /** When the last removal that has ended did so at the latest. */
  private readonly removedUntil = new Float64Array(Keys.COUNT)
  private readonly removals = new Set<Writing | ForeignWrite>()
  private readonly pending = new Set<string>()
  private readonly notDone = new Set<string>()
  private readonly ends = new Ends()
  private suspects: Array<Suspect> = []
  private unknown: Array<Writing | ForeignWrite> = []
  /** Reads that needed a second look. */
  judged = 0
  private readonly violations: Violations

  constructor(violations: Violations) {
    this.violations = violations
  }

  begin(key: number, text?: (start: number) => string, lifeMillis = 0): Writing {
    const start = micros()
    const writing = { key, text: text?.(start), lifeMillis, start }
    if (writing.text === undefined) this.removals.add(writing)
    else this.pending.add(writing.text)
    return writing
  }

  acknowledge(writing: Writing): void {
    this.end(writing, micros())
    raise(this.own, writing)
  }

  /** It was not ours, so it need not be seen before the next fence. */
  acknowledgeForeign(writing: Writing): void {
    this.end(writing, micros())
    raise(this.foreignAcknowledged, writing)
  }

  /** It surely never happened. */
  retract(writing: Writing): void {
    this.removals.delete(writing)
    if (writing.text === undefined) return
    this.pending.delete(writing.text)
    this.notDone.add(writing.text)
    for (const oldest of this.notDone) {
      if (this.notDone.size <= NOT_DONE_MAX) break
      this.notDone.delete(oldest)
    }
  }

  /** It may have happened, or happen yet, until `resolve`. */
  doubt(writing: Writing): void {
    this.unknown.push(writing)
  }

  /** Takes the writes of which nobody knows how they ended. */
  takeUnknown(): ReadonlyArray<Writing | ForeignWrite> {
    const taken = this.unknown
    this.unknown = []
    return taken
  }

  /** If it happened, it did before now. */
  resolve(write: Writing | ForeignWrite): void {
    this.end(write, micros())
  }

  private end(write: Writing | ForeignWrite, end: number): void {
    this.removals.delete(write)
    if (write.text === undefined) this.removed(write.key, end)
    else {
      this.pending.delete(write.text)
      this.ends.set(write.text, write.start, end, end)
      if (write.lifeMillis > 0) this.removed(write.key, lastSeen(write, end))
    }
  }

  private removed(of: number, until: number): void {
    for (const key of keysOf(of)) this.removedUntil[key] = Math.max(this.removedUntil[key] ?? 0, until)
  }

  /** What foreign writers did; whatever ended before the watermark is known now. */
  tell({ watermark, writes }: ForeignBatch): void {
    for (const write of writes) {
      if (write.end !== Infinity) this.end(write, write.end)
      else {
        if (write.text === undefined) this.removals.add(write)
        else this.ends.set(write.text, write.start, Infinity, micros())
        this.unknown.push(write)
      }
    }
    const waiting: Array<Suspect> = []
    for (const suspect of this.suspects) {
      if (suspect.doneAt < watermark) this.judge(suspect)
      else waiting.push(suspect)
    }
    this.suspects = waiting
  }

  /** All that has been acknowledged so far, whoever wrote it; for `fence` when a fence called now succeeds. */
  acknowledged(): Float64Array {
    return this.own.map((start, key) => Math.max(start, this.foreignAcknowledged[key] ?? 0))
  }

  fence(acknowledged: Float64Array): void {
    for (const [key, start] of acknowledged.entries()) {
      this.fenced[key] = Math.max(this.fenced[key] ?? 0, start)
    }
  }

  beginRead(key: number): Begun {
    return {
      key,
      at: micros(),
      own: this.own[key] ?? 0,
      fenced: this.fenced[key] ?? 0,
      seen: this.seen[key] ?? 0,
    }
  }

  /** A read returned this; undefined is an absence. */
  check(begun: Begun, text: string | undefined): void {
    const required = Math.max(begun.own, begun.fenced, begun.seen)
    if (text === undefined) {
      if ((this.removedUntil[begun.key] ?? 0) < required) this.suspect(begun, text)
      return
    }
    const value = Value.decode(text)
    if (value === "again") return
    if (value === undefined || (value.key !== begun.key && !Keys.isCounter(begun.key))) {
      return this.violations.add("neverWritten", { begun, text })
    }
    this.seen[begun.key] = Math.max(this.seen[begun.key] ?? 0, value.start)
    if (value.start < required || begun.at > lastSeen(value, value.start)) this.suspect(begun, text)
  }

  /** For `checkReplaced`, before a write whose condition is that Redis holds what was read. */
  beginReplace(key: number): Begun {
    const replaced = Math.max(this.own[key] ?? 0, this.foreignAcknowledged[key] ?? 0)
    return { key, at: micros(), own: 0, fenced: 0, seen: 0, replaced }
  }

  /** The write succeeded: nothing newer than this had been acknowledged when it began. */
  checkReplaced(begun: Begun, text: string): void {
    const value = Value.decode(text)
    if (typeof value === "object" && value.start < (begun.replaced ?? 0)) this.suspect(begun, text)
  }

  private suspect(begun: Begun, text: string | undefined): void {
    this.suspects.push({ begun, text, doneAt: micros() })
  }

  private judge({ begun, text }: Suspect): void {
    this.judged++
    if (text !== undefined && this.notDone.has(text)) {
      return this.violations.add("refusedYetDone", { begun, text })
    }
    const end = text === undefined ? this.absentUntil(begun.key) : this.endOf(text)
    const evidence = { begun, text: text ?? null, end }
    if (end < begun.own) this.violations.add("readYourWrites", evidence)
    if (end < begun.fenced) this.violations.add("olderThanFence", evidence)
    if (end < (begun.replaced ?? 0)) this.violations.add("lostUpdate", evidence)
    if (end < begun.seen) this.violations.add("wentBack", evidence)
    const value = text === undefined ? undefined : Value.decode(text)
    if (typeof value === "object" && begun.at > lastSeen(value, end)) {
      this.violations.add("outlived", evidence)
    }
  }

  private absentUntil(key: number): number {
    for (const removal of this.removals) if (removal.key === key || removal.key === Keys.ALL) return Infinity
    return this.removedUntil[key] ?? 0
  }

  private endOf(text: string): number {
    if (this.pending.has(text)) return Infinity
    const value = Value.decode(text)
    if (typeof value !== "object") return Infinity
    // A counter may have come further than anybody was told.
    return Number.isNaN(value.key) ? (this.ends.exact(text) ?? Infinity) : this.ends.get(text, value.start)
  }
}

/** Reads that began later must not return a value that was written at `end` with a life. */
const lastSeen = ({ lifeMillis }: { readonly lifeMillis: number }, end: number): number =>
  lifeMillis === 0 ? Infinity : end + (lifeMillis + LIFE_SLACK_MILLIS) * MICROS_PER_MILLI

const raise = (starts: Float64Array, { key: of, start }: Writing): void => {
  for (const key of keysOf(of)) starts[key] = Math.max(starts[key] ?? 0, start)
}

const keysOf = (key: number): Iterable<number> => (key === Keys.ALL ? Keys.names.keys() : [key])
