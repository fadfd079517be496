/** The policy and its plain reference, side by side: every hit, every victim and every number is the same. */
import * as Eviction from "../../src/core/Eviction.ts"
import { absent } from "./entries.ts"
import { checkEviction, leftIn } from "./invariants.ts"
import { must, mustBe } from "./must.ts"
import { bitsOf, keysOf, places } from "./places.ts"
import { ReferenceEviction } from "./ReferenceEviction.ts"
import { Tally } from "./Tally.ts"

const LEFT_ALWAYS = 8
/** A tidying looks at so many places of each queue. */
const TIDIED = 4
const MOST_EVICTED = 1_000

export class Pair {
  readonly bounds: Eviction.Bounds
  readonly tally = new Tally()
  readonly reference: ReferenceEviction
  state: Eviction.Eviction
  /** How many left in the largest insertion so far. */
  largest = 1

  constructor(bounds: Eviction.Bounds, seed = 0) {
    this.bounds = bounds
    this.state = Eviction.make(bounds, seed)
    this.reference = new ReferenceEviction(bounds.maxEntries, bounds.maxBytes, seed, (fact) =>
      this.tally.add(fact),
    )
    mustBe(2 ** bitsOf(this.state.residents.frame.shape), this.reference.buckets, "buckets")
  }

  /** Whether the key is held; counts the use. */
  use(key: string): boolean {
    const held = Eviction.get(this.state, key) !== undefined
    mustBe(held, this.reference.use(key), `hit of ${key}`)
    this.tally.add(held ? "hits" : "misses")
    const before = this.state
    this.state = Eviction.use(before, key)
    if (!held) mustBe(this.state, before, "a miss changes nothing")
    return held
  }

  put(key: string, weight = 1, deadAt = 1e12): void {
    const entry = absent(key, { weight, deadAt })
    const { entered, evicted, next } = Eviction.insert(this.state, entry, this.bounds)
    const expected = this.reference.insert(key, weight)
    mustBe(evicted.map((gone) => gone.key).join(), expected.victims.join(), `victims of ${key}`)
    mustBe(entered, expected.entered, `whether ${key} entered`)
    if (entered) mustBe(Eviction.get(next, key), entry, `${key} is held as it was put`)
    must(evicted.length <= MOST_EVICTED, "so many leave at a time")
    this.largest = Math.max(this.largest, evicted.length)
    this.tally.add("evicted", evicted.length)
    if (!entered) this.tally.add("refused")
    this.state = next
    this.agree()
  }

  remove(key: string): void {
    this.state = Eviction.remove(this.state, key)
    this.reference.remove(key)
    this.agree()
  }

  expire(now: number, budget: number): void {
    const before = this.state
    const [dead, next] = Eviction.expire(before, now, budget)
    must(dead.length <= budget, "no more expire than allowed")
    for (const entry of dead) {
      mustBe(Eviction.get(before, entry.key), entry, "who expires was held")
      must(entry.deadAt <= now, "who expires is dead")
    }
    this.reference.expired(dead.map(({ key }) => key))
    this.tally.add("expired", dead.length)
    this.state = next
    this.agree()
  }

  /** What costs little to compare, so it is after every step. */
  private agree(): void {
    const { residents, target, unused } = this.state
    const { main, small } = this.reference
    mustBe(residents.small.count, small.count, "residents of the small queue")
    mustBe(residents.main.count, main.count, "residents of the main queue")
    mustBe(residents.small.bytes, small.bytes, "bytes of the small queue")
    mustBe(residents.main.bytes, main.bytes, "bytes of the main queue")
    mustBe(residents.small.queue.size, small.size, "places of the small queue")
    mustBe(residents.main.queue.size, main.size, "places of the main queue")
    mustBe(target, this.reference.target, "the small queue's part")
    mustBe(unused, this.reference.unused, "who left unused")
    must(Eviction.size(this.state) <= this.bounds.maxEntries, "entries are within the bound")
    must(Eviction.bytes(this.state) <= this.bounds.maxBytes, "bytes are within the bound")
    const slack = LEFT_ALWAYS + TIDIED + this.largest
    for (const line of [residents.small, residents.main]) {
      must(leftIn(line) <= 2 * line.count + slack, "few places are places that nobody has")
    }
  }

  /** Everything, in its order. */
  check(): void {
    checkEviction(this.state, this.bounds)
    const { residents } = this.state
    for (const where of ["small", "main"] as const) {
      const order = [...this.reference[where]].map(([key, { weight }]) =>
        weight === undefined ? undefined : key,
      )
      mustBe(keysOf(residents, where).join(), order.join(), `the ${where} queue`)
    }
    const found = new Map<number, ReadonlyArray<number>>()
    for (const { bucket, entry, uses, where } of places(residents)) {
      if (where === "ghost") found.set(bucket, [...(found.get(bucket) ?? []), uses])
      else if (entry !== undefined)
        mustBe(uses, this.reference.find(entry.key)?.[1].uses, `uses of ${entry.key}`)
    }
    for (const [bucket, ghosts] of this.reference.ghosts) {
      mustBe((found.get(bucket) ?? []).join(), ghosts.map(({ uses }) => uses).join(), "ghosts of a bucket")
    }
  }
}
