/**
 * What was written and when, and whether a read may return what it returned.
 *
 * Writers overlap and nobody knows in which order Redis had them, so the checker claims only what time
 * proves: a write that had ended before another one began came before it. Of the writes that a read must not
 * miss it needs no more than the latest start (`Floors.ts`); a value whose own write had ended before that is
 * too old. An absence is right if a removal may have come after them.
 *
 * Replication is asynchronous, so a failover can lose acknowledged writes: Redis does, and no cache can undo
 * it. Then there are two questions, and neither is given up. May a read miss the write? Yes, if it may be lost:
 * if it was neither acknowledged before all was known to be replicated, nor begun after the old master was
 * gone. Nothing else is let off; a failover that loses nothing lets nothing off. May a read return the write?
 * No: what the new master does not have never happened, however surely L1 once had it. Once it is known what
 * the new master has (`look`), whatever else had been acknowledged before is lost or overwritten, and no read
 * that began after a later fence may return it (`goneYetServed`).
 *
 * A read is judged when all is known that was written before it ended: foreign writes are told in batches.
 */
import { Endings, lastSeen, NEVER, type Write } from "./Endings.ts"
import { type Floor, Floors } from "./Floors.ts"
import { type ForeignBatch, REFUSED, UNKNOWN } from "./ForeignLog.ts"
import * as Keys from "./Keys.ts"
import { micros } from "./Time.ts"
import * as Value from "./Value.ts"
import type { Violations } from "./Violations.ts"

/** What a read that begins now must not miss. */
export interface Begun {
  readonly key: number
  readonly at: number
  readonly floor: Floor
  /** When the last good fence was called. */
  readonly fencedAt: number
  /** It is a write, whose condition is that Redis has the value. */
  readonly replaces: boolean
}

interface Suspect {
  readonly begun: Begun
  readonly text: string | undefined
  readonly doneAt: number
}

/** What the master had, with the moments between which it was asked and had answered. */
interface Look {
  readonly key: number
  readonly text: string | undefined
  readonly asked: number
  readonly answered: number
  /** The latest start that had been acknowledged, lost or not. */
  readonly acknowledged: number
}

export class History {
  readonly floors = new Floors()
  private readonly endings = new Endings()
  private fencedAt = 0
  private readonly looks = new Map<number, Look>()
  private unjudgedLooks: Array<Look> = []
  private suspects: Array<Suspect> = []
  private unknown: Array<Write> = []
  /** Reads that needed a second look. */
  judged = 0
  /** Keys whose last acknowledged write a failover lost, as far as it can be proven. */
  lost = 0
  private readonly violations: Violations

  constructor(violations: Violations) {
    this.violations = violations
  }

  /** A write of ours. `key`: or several, as `Keys.keysOf` has it; without a text it is a removal. */
  begin(key: number, text?: (start: number) => string, lifeMillis = 0): Write {
    const start = micros()
    const write = { key, text: text?.(start), lifeMillis, start }
    this.endings.begin(write)
    return write
  }

  acknowledge(write: Write): void {
    this.endings.end(write, micros())
    this.floors.acknowledge(write.key, write.start)
  }

  /** It was not ours, so it need not be seen before the next fence. */
  acknowledgeForeign(write: Write): void {
    this.endings.end(write, micros())
    this.floors.acknowledgeForeign(write.key, write.start)
  }

  /** It surely never happened. */
  retract(write: Write): void {
    this.endings.retract(write)
  }

  /** It may have happened, or happen yet, until `resolve`. */
  doubt(write: Write): void {
    this.unknown.push(write)
  }

  /** Takes the writes of which nobody knows how they ended. */
  takeUnknown(): ReadonlyArray<Write> {
    const taken = this.unknown
    this.unknown = []
    return taken
  }

  /** If it happened, it did before now. */
  resolve(write: Write): void {
    this.endings.end(write, micros())
  }

  /** What foreign writers did; whatever ended before the watermark is known now. */
  tell({ watermark, writes }: ForeignBatch): void {
    for (const write of writes) {
      if (write.end === REFUSED) this.endings.retract(write)
      else if (write.end !== UNKNOWN) this.endings.end(write, write.end)
      else {
        this.endings.begin(write)
        this.doubt(write)
      }
    }
    const [known, waiting] = partition(this.suspects, ({ doneAt }) => doneAt < watermark)
    this.suspects = waiting
    for (const suspect of known) this.judge(suspect)
    const [looks, unjudged] = partition(this.unjudgedLooks, ({ answered }) => answered < watermark)
    this.unjudgedLooks = unjudged
    for (const { acknowledged, key, text } of looks) {
      if (this.endings.of(key, text) < acknowledged) this.lost++
    }
  }

  /** `acknowledged`: when the fence was called, which was at `calledAt`. */
  fence(acknowledged: Float64Array, calledAt: number): void {
    this.floors.fence(acknowledged)
    this.fencedAt = Math.max(this.fencedAt, calledAt)
  }

  /** What the master of a key has now, after it was `asked`. */
  look(key: number, text: string | undefined, asked: number): void {
    const acknowledged = this.floors.acknowledged()[key] ?? 0
    const look = { key, text, asked, answered: micros(), acknowledged }
    this.looks.set(key, look)
    this.unjudgedLooks.push(look)
  }

  /** `replaces`: what begins is a write whose condition is that Redis holds what was read. */
  beginRead(key: number, replaces = false): Begun {
    return { key, at: micros(), floor: this.floors.at(key), fencedAt: this.fencedAt, replaces }
  }

  /** A read returned this; undefined is an absence. */
  check(begun: Begun, text: string | undefined): void {
    const { floor, key } = begun
    const asked = this.lookBefore(begun)?.asked ?? 0
    const required = Math.max(floor.own, floor.fenced, floor.seen, asked)
    if (text === undefined) {
      if (this.endings.removedBy(key) < required) this.suspect(begun, text)
      return
    }
    const value = Value.decode(text)
    if (value === "again") return
    const isAtHome = value !== undefined && (value.key === key || Keys.isCounter(key))
    if (value === undefined || (!isAtHome && !Keys.areKin(value.key, key))) {
      return this.violations.add("neverWritten", { begun, text })
    }
    this.floors.see(key, value.start)
    const isDoubtful = value.start < required || begun.at > lastSeen(value, value.start)
    if (!isAtHome || isDoubtful) this.suspect(begun, text)
  }

  /** The write succeeded: nothing newer than this had been acknowledged when it began. */
  checkReplaced(begun: Begun, text: string): void {
    const value = Value.decode(text)
    if (typeof value === "object" && value.start < begun.floor.acknowledged) this.suspect(begun, text)
  }

  private lookBefore({ fencedAt, key }: Begun): Look | undefined {
    const look = this.looks.get(key)
    return look !== undefined && look.answered < fencedAt ? look : undefined
  }

  private suspect(begun: Begun, text: string | undefined): void {
    this.suspects.push({ begun, text, doneAt: micros() })
  }

  private judge({ begun, text }: Suspect): void {
    this.judged++
    const { key } = begun
    const floor = this.floors.standing(key, begun.floor)
    const end = this.endings.of(key, text)
    const look = this.lookBefore(begun)
    const value = text === undefined ? undefined : Value.decode(text)
    const evidence = { begun, floor, text: text ?? null, end, look }
    const wrong = (kind: Parameters<Violations["add"]>[0], is: boolean): void => {
      if (is) this.violations.add(kind, evidence)
    }
    if (text !== undefined && this.endings.wasRetracted(text)) return wrong("refusedYetDone", true)
    if (end === NEVER) return wrong("neverWritten", true)
    if (begun.replaces) return wrong("lostUpdate", end < floor.acknowledged)
    wrong("readYourWrites", end < floor.own)
    wrong("olderThanFence", end < floor.fenced)
    wrong("wentBack", end < floor.seen)
    wrong("goneYetServed", look !== undefined && end < look.asked && text !== look.text)
    wrong("outlived", typeof value === "object" && begun.at > lastSeen(value, end))
  }
}

const partition = <A>(all: ReadonlyArray<A>, is: (one: A) => boolean): readonly [Array<A>, Array<A>] => [
  all.filter(is),
  all.filter((one) => !is(one)),
]
