/**
 * The policy with plain mutable arrays and maps, to hold the real one against.
 *
 * Written from the description at the top of `Eviction.ts`. It knows keys by name where the real one knows
 * fingerprints, so the two agree as long as no two keys of a bucket have the same.
 */
import * as KeyHash from "../../src/core/KeyHash.ts"
import { type Place, ReferenceLine } from "./ReferenceLine.ts"

interface Ghost {
  readonly key: string
  readonly uses: number
}

const MOST_USES = 2
const LEAVING = 1_000
const SPARED = 16
const PASSED = 1_000

export class ReferenceEviction {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly buckets: number
  readonly small = new ReferenceLine()
  readonly main = new ReferenceLine()
  readonly ghosts = new Map<number, Array<Ghost>>()
  /** How often each thing happened. */
  readonly seen: (fact: string) => void
  target: number
  unused = 0
  private readonly seed: number

  constructor(maxEntries: number, maxBytes: number, seed: number, seen: (fact: string) => void) {
    this.maxEntries = maxEntries
    this.maxBytes = maxBytes
    this.seed = seed
    this.seen = seen
    const most = Math.max(1, Math.min(maxEntries, maxBytes / 240))
    this.buckets = 2 ** Math.max(0, Math.round(Math.log2(most / 8)))
    this.target = this.least
  }

  get least(): number {
    return Math.max(1, Math.round(0.1 * this.maxEntries))
  }

  get most(): number {
    return Math.max(1, Math.round(0.9 * this.maxEntries))
  }

  get size(): number {
    return this.small.count + this.main.count
  }

  get bytes(): number {
    return this.small.bytes + this.main.bytes
  }

  bucketOf(key: string): number {
    return Math.floor((KeyHash.of(key, this.seed) >>> 0) / (2 ** 32 / this.buckets))
  }

  /** The line in which a key is resident, and its place there. */
  find(key: string): readonly [ReferenceLine, Place] | undefined {
    for (const line of [this.small, this.main]) {
      const place = line.place(key)
      if (place?.weight !== undefined) return [line, place]
    }
    return undefined
  }

  /** Whether it was there; counts the use. */
  use(key: string): boolean {
    const place = this.find(key)?.[1]
    if (place === undefined) return false
    this.seen(place.uses < MOST_USES ? "hit that counts" : "hit that changes nothing")
    place.uses = Math.min(MOST_USES, place.uses + 1)
    return true
  }

  remove(key: string): void {
    if (this.leave(key)) this.tidyAll()
  }

  /** These have died and were taken out. */
  expired(keys: ReadonlyArray<string>): void {
    for (const key of keys) this.leave(key)
    for (let step = 0; step < keys.length; step += 2) this.tidyAll()
  }

  private leave(key: string): boolean {
    const found = this.find(key)
    if (found === undefined) return false
    found[0].weigh(key, undefined)
    return true
  }

  private tidyAll(): void {
    this.tidy(this.small)
    this.tidy(this.main)
  }

  private tidy(line: ReferenceLine): void {
    if (line.size <= 2 * line.count + 8) return
    for (let step = 0; step < 4; step++) {
      const [key, place] = line.pop()
      if (place.weight !== undefined) line.push(key, place)
      this.seen(place.weight === undefined ? "a place given up by tidying" : "tidied past a resident")
    }
  }

  /** Takes in a key; who had to leave, in that order, and whether it is in. */
  insert(
    key: string,
    weight: number,
  ): { readonly entered: boolean; readonly victims: ReadonlyArray<string> } {
    const found = this.find(key)
    if (found !== undefined && this.hasRoom(0, weight - (found[1].weight ?? 0))) {
      found[0].weigh(key, weight)
      return { entered: true, victims: [] }
    }
    const ghosts = this.ghosts.get(this.bucketOf(key)) ?? []
    const ghost = ghosts.findIndex((one) => one.key === key)
    const remembered = ghosts[ghost]?.uses
    if (remembered !== undefined) this.retarget(ghosts.length - 1 - ghost)
    this.leave(key)
    this.tidyAll()
    const victims = this.makeRoom(weight)
    if (!this.hasRoom(1, weight)) return { entered: false, victims }
    this.enter(key, weight, remembered === undefined ? 0 : Math.min(MOST_USES, remembered + 1))
    return { entered: true, victims }
  }

  private enter(key: string, weight: number, uses: number): void {
    const line = this.main.place(key) === undefined ? this.small : this.main
    if (line.place(key) !== undefined) {
      this.seen("took its place again")
      return line.weigh(key, weight)
    }
    const ghosts = this.ghosts.get(this.bucketOf(key)) ?? []
    const ghost = ghosts.findIndex((one) => one.key === key)
    if (ghost >= 0) ghosts.splice(ghost, 1)
    this.small.push(key, { uses, weight })
  }

  private hasRoom(entries: number, bytes: number): boolean {
    return this.size + entries <= this.maxEntries && this.bytes + bytes <= this.maxBytes
  }

  private retarget(newer: number): void {
    this.seen("a ghost returned")
    const held = Math.max(1, this.size)
    const part = Math.max(1, Math.round(this.maxEntries / held))
    const before = this.target
    const isSoon = newer * this.buckets <= 0.3 * held
    this.target =
      isSoon && (this.main.oldest?.uses ?? 0) === 0
        ? Math.min(this.most, this.target + 2 * part)
        : Math.max(this.least, this.target - part)
    if (this.target !== before) this.seen(this.target > before ? "small grew" : "small shrank")
  }

  private makeRoom(weight: number): ReadonlyArray<string> {
    const victims: Array<string> = []
    const enough = this.small.size + this.main.size - LEAVING
    let spared = 0
    while (!this.hasRoom(1, weight) && this.size > 0 && this.small.size + this.main.size > enough) {
      const victim = this.turn(spared < SPARED)
      if (victim === undefined) spared++
      else victims.push(victim)
    }
    if (spared >= SPARED) this.seen("spared as many as allowed")
    return victims
  }

  private isOver(line: ReferenceLine, part: number, entries = 0, bytes = 0): boolean {
    return line.count + entries > part * this.maxEntries || line.bytes + bytes > part * this.maxBytes
  }

  private turn(maySpare: boolean): string | undefined {
    const part = this.target / this.maxEntries
    if (this.small.count === 0 || (this.isOver(this.main, 1 - part) && !this.isOver(this.small, part))) {
      return this.mainTurn(maySpare)
    }
    const taken = this.take(this.small)
    if (taken === undefined) return undefined
    const [key, { uses, weight = 0 }] = taken
    if (maySpare && !this.isOver(this.main, 1 - part, 1, weight)) {
      this.seen("moved where there was room")
      this.stand(key, weight, 0)
      return undefined
    }
    return this.smallTurn(key, uses, weight)
  }

  private mainTurn(maySpare: boolean): string | undefined {
    const taken = this.take(this.main)
    if (taken === undefined) return undefined
    const [key, { uses, weight = 0 }] = taken
    if (!maySpare || uses === 0) {
      this.seen(uses === 0 ? "left main unused" : "left main although used")
      return key
    }
    this.seen("another round in main")
    this.stand(key, weight, uses - 1)
    return undefined
  }

  private smallTurn(key: string, uses: number, weight: number): string | undefined {
    if (uses === 0) this.unused++
    const isLucky = uses === 0 && this.unused % 64 === 0
    if (isLucky) this.seen("luck")
    const holder = (uses > 0 || isLucky) && this.main.count > 0 ? this.take(this.main) : undefined
    if (holder === undefined) return this.depart(key, uses)
    const [other, { uses: usesOfOther, weight: weightOfOther = 0 }] = holder
    if (uses > usesOfOther || (isLucky && usesOfOther === 0)) {
      this.seen(isLucky ? "luck won" : "a challenge won")
      this.stand(key, weight, 0)
      return other
    }
    this.seen(isLucky ? "luck lost" : "a challenge lost")
    this.stand(other, weightOfOther, Math.max(0, usesOfOther - 1))
    return this.depart(key, uses)
  }

  private stand(key: string, weight: number, uses: number): void {
    this.main.push(key, { uses, weight })
  }

  private depart(key: string, uses: number): string {
    const bucket = this.bucketOf(key)
    const ghosts = [...(this.ghosts.get(bucket) ?? []), { key, uses }]
    const most = Math.max(1, Math.round((2 * (this.size + 1)) / this.buckets))
    if (ghosts.length > most) this.seen("a ghost forgotten")
    this.ghosts.set(bucket, ghosts.slice(-most))
    return key
  }

  private take(line: ReferenceLine): readonly [string, Place] | undefined {
    for (let passed = 0; passed < PASSED; passed++) {
      const [key, place] = line.pop()
      if (place.weight !== undefined) return [key, place]
      this.seen("a place given up in its turn")
    }
    return undefined
  }
}
