/**
 * L1 as plain maps: what it must hold and which tokens must stand, by its own arithmetic. It calls nothing of
 * the core. An entry is held until the core *reported* that it left, and every report is held against what
 * could be true: expired entries must be dead, evictions must have been needed, the rest must be exact.
 *
 * Who is evicted is not modelled here (`Eviction.laws.test.ts` compares every victim with a reference).
 */
import { assert } from "@effect/vitest"
import type { Removal, Settled } from "../../src/core/CacheState.ts"
import type { Entry, Key } from "../../src/core/Entry.ts"
import type { Bounds } from "../../src/core/Eviction.ts"
import type { Begun, Token } from "../../src/core/Fill.ts"
import { must, mustBe } from "./must.ts"
import type { Tally } from "./Tally.ts"

const SECOND_MILLIS = 1_000
const SWEEP_PER_ANSWER = 4

export interface Issued {
  readonly token: Token
  readonly askedAt: number
}

export class CacheModel {
  readonly bounds: Bounds
  readonly tally: Tally
  now = 0
  epoch = 0
  readonly held = new Map<Key, Entry>()
  readonly standing = new Map<Key, Token>()
  readonly issued: Array<Issued> = []
  readonly counts = { fills: 0, fillsDropped: 0, evicted: 0, expired: 0, invalidated: 0, replaced: 0 }
  /** Why a key that was held once is not held now. */
  readonly left = new Map<Key, Removal["cause"]>()

  constructor(bounds: Bounds, tally: Tally) {
    this.bounds = bounds
    this.tally = tally
  }

  get bytes(): number {
    let sum = 0
    for (const entry of this.held.values()) sum += entry.weight
    return sum
  }

  live(key: Key): Entry | undefined {
    const entry = this.held.get(key)
    return entry !== undefined && this.now < entry.deadAt ? entry : undefined
  }

  beganRead(key: Key, begun: Begun): void {
    const asked = this.standing.get(key)
    if (asked?.purpose === "read") {
      mustBe(begun._tag, "Joined", "a reader joins the question in flight")
      mustBe(begun.token, asked, "it joins the very question")
      return this.tally.add("joined")
    }
    mustBe(begun._tag, "Started", "a reader that finds no reader's question asks")
    if (asked !== undefined) this.tally.add(`a reader overtakes a ${asked.purpose}`)
    this.issue(key, "read", begun.token)
  }

  beganWrite(key: Key, token: Token): void {
    if (this.standing.has(key)) this.tally.add("a writer overtakes")
    this.leaves(key, "invalidated")
    this.issue(key, "write", token)
  }

  beganResync(key: Key, token: Token | undefined): void {
    if (this.standing.has(key)) return must(token === undefined, "the resync gives way")
    must(token !== undefined, "the resync asks where nobody does")
    this.tally.add("resync asks")
    this.issue(key, "resync", token)
  }

  private issue(key: Key, purpose: Token["purpose"], token: Token): void {
    must(token.key === key && token.purpose === purpose, "a token says whose it is")
    must(
      this.issued.every((issued) => issued.token.id !== token.id),
      "a token is new",
    )
    this.standing.set(key, token)
    this.issued.push({ token, askedAt: this.now })
  }

  abandoned(token: Token): void {
    this.tally.add(this.stands(token) ? "abandoned" : "abandoned too late")
    if (this.stands(token)) this.standing.delete(token.key)
  }

  stands(token: Token): boolean {
    return this.standing.get(token.key) === token
  }

  settled(token: Token, entry: Entry, admission: "evict" | "if-room", settled: Settled): void {
    const why = this.refusal(token, entry, admission)
    if (this.stands(token)) this.standing.delete(token.key)
    if (why === undefined) {
      must(settled._tag === "Installed", `what may enter does: ${JSON.stringify(settled)}`)
      return this.installed(entry, settled.removed, token)
    }
    must(settled._tag === "Dropped" && settled.why === why, `what is ${why} does not enter: ${settled._tag}`)
    this.tally.add(`dropped ${why} ${token.purpose}`)
    this.counts.fillsDropped++
    const removed = why === "withdrawn" ? [] : this.leaves(token.key, "replaced")
    if (token.purpose === "write") {
      this.standing.delete(token.key)
      removed.push(...this.leaves(token.key, "invalidated"))
    }
    assertSame(settled.removed, removed)
  }

  private refusal(token: Token, entry: Entry, admission: "evict" | "if-room") {
    if (!this.stands(token)) return "withdrawn"
    if (entry.weight > this.bounds.maxBytes) return "too-heavy"
    if (entry.deadAt <= this.now) return "expired"
    const old = this.held.get(entry.key)
    const entries = this.held.size + (old === undefined ? 1 : 0)
    const bytes = this.bytes - (old?.weight ?? 0) + entry.weight
    const fits = entries <= this.bounds.maxEntries && bytes <= this.bounds.maxBytes
    return admission === "if-room" && !fits ? "no-room" : undefined
  }

  private installed(entry: Entry, removed: ReadonlyArray<Removal>, token: Token): void {
    this.tally.add(`installed ${token.purpose}`)
    const of = (cause: Removal["cause"]) => removed.filter((removal) => removal.cause === cause)
    must(of("invalidated").length === 0, "an answer invalidates nothing")
    const due = this.due().filter((key) => key !== entry.key).length
    const swept = of("expired")
    mustBe(swept.length, Math.min(SWEEP_PER_ANSWER, due), "an answer sweeps its part")
    this.died(swept, "swept")
    assertSame(of("replaced"), this.leaves(entry.key, "replaced"))
    for (const { entry: gone } of of("evicted")) this.evicted(gone, entry)
    must(!this.isFullFor(entry), "L1 is within its bounds after an answer")
    this.held.set(entry.key, entry)
    this.counts.fills++
  }

  private isFullFor({ weight }: Entry): boolean {
    return this.held.size >= this.bounds.maxEntries || this.bytes + weight > this.bounds.maxBytes
  }

  private evicted(gone: Entry, entering: Entry): void {
    must(this.isFullFor(entering), "nobody is evicted once there is room")
    mustBe(this.held.get(gone.key), gone, "only who is held is evicted")
    this.tally.add(this.held.size >= this.bounds.maxEntries ? "evicted for entries" : "evicted for bytes")
    this.leaves(gone.key, "evicted")
  }

  invalidated(key: Key, removed: ReadonlyArray<Removal>): void {
    assertSame(removed, this.leaves(key, "invalidated"))
    if (this.standing.delete(key)) this.tally.add("withdrawn")
  }

  allInvalidated(removed: number): void {
    mustBe(removed, this.held.size, "all leave")
    for (const key of this.held.keys()) this.leaves(key, "invalidated")
    this.standing.clear()
    this.epoch++
  }

  /** The dead of whole seconds that have passed. */
  private due(): ReadonlyArray<Key> {
    const passed = Math.floor(this.now / SECOND_MILLIS)
    return [...this.held.values()]
      .filter(({ deadAt }) => Math.floor(deadAt / SECOND_MILLIS) < passed)
      .map(({ key }) => key)
  }

  expired(budget: number, removed: ReadonlyArray<Removal>): void {
    const due = this.due()
    mustBe(removed.length, Math.min(budget, due.length), "as many of the dead leave as the budget allows")
    if (due.length > budget) this.tally.add("expiry stopped by its budget")
    must(
      removed.every(({ entry }) => due.includes(entry.key)),
      "only those leave whose second has passed",
    )
    this.died(removed, "expired")
  }

  private died(removed: ReadonlyArray<Removal>, how: string): void {
    for (const { cause, entry } of removed) {
      mustBe(cause, "expired", "the dead expire")
      mustBe(this.held.get(entry.key), entry, "only who is held expires")
      must(entry.deadAt <= this.now, "only the dead expire")
      this.leaves(entry.key, "expired")
      this.tally.add(how)
    }
  }

  private leaves(key: Key, cause: Removal["cause"]): Array<Removal> {
    const entry = this.held.get(key)
    if (entry === undefined) return []
    this.held.delete(key)
    this.left.set(key, cause)
    this.counts[cause]++
    return [{ cause, entry }]
  }
}

/** The same causes and the very same entries, in the same order. */
const assertSame = (found: ReadonlyArray<Removal>, expected: ReadonlyArray<Removal>): void => {
  const same = found.every(
    ({ cause, entry }, at) => cause === expected[at]?.cause && entry === expected[at]?.entry,
  )
  if (found.length !== expected.length || !same) assert.deepStrictEqual(found, expected, "reported removals")
}
