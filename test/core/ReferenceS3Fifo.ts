/**
 * S3-FIFO with plain mutable maps, to hold the real one against. A JavaScript Map keeps the order of insertion,
 * so it is a FIFO from which any key can be taken.
 *
 * Written from the pseudocode of Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023,
 * with the same choices where the paper leaves them open: a tenth of the room for the small queue, up to three
 * uses, two to stay, as many ghosts as nine tenths of the residents, one thousand spared at a time.
 */
interface Cell {
  readonly weight: number
  uses: number
}

const MAX_SPARED = 1_000

export class ReferenceS3Fifo {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly small = new Map<string, Cell>()
  readonly main = new Map<string, Cell>()
  readonly ghosts = new Set<string>()
  promoted = 0
  returned = 0
  secondChances = 0

  constructor(maxEntries: number, maxBytes: number) {
    this.maxEntries = maxEntries
    this.maxBytes = maxBytes
  }

  get size(): number {
    return this.small.size + this.main.size
  }

  get bytes(): number {
    return weightOf(this.small) + weightOf(this.main)
  }

  /** Whether it was there; counts the use. */
  request(key: string): boolean {
    const cell = this.small.get(key) ?? this.main.get(key)
    if (cell === undefined) return false
    cell.uses = Math.min(3, cell.uses + 1)
    return true
  }

  /** Takes in a key; who had to leave, in that order. */
  insert(key: string, weight: number): ReadonlyArray<string> {
    const home = this.small.has(key) ? this.small : this.main.has(key) ? this.main : undefined
    const uses = home?.get(key)?.uses ?? 0
    if (home !== undefined) home.set(key, { weight, uses })
    const victims = this.evict(home === undefined ? weight : 0, home === undefined ? 1 : 0)
    for (const ghost of this.ghosts) {
      if (this.ghosts.size <= 0.9 * this.size) break
      this.ghosts.delete(ghost)
    }
    if (home !== undefined) return victims
    const isBack = this.ghosts.delete(key)
    if (isBack) this.returned++
    const line = isBack ? this.main : this.small
    line.set(key, { weight, uses: 0 })
    return victims
  }

  remove(key: string): void {
    if (!this.small.delete(key)) this.main.delete(key)
  }

  private evict(bytes: number, entries: number): ReadonlyArray<string> {
    const victims: Array<string> = []
    let spared = 0
    while (this.size + entries > this.maxEntries || this.bytes + bytes > this.maxBytes) {
      const smallIsOver =
        this.main.size <= 0.9 * this.maxEntries && weightOf(this.main) <= 0.9 * this.maxBytes
      const fromSmall = this.small.size > 0 && smallIsOver
      const [key, cell] = oldest(fromSmall ? this.small : this.main)
      this.remove(key)
      const stays = fromSmall ? cell.uses > 1 : cell.uses > 0
      if (stays && spared < MAX_SPARED) {
        spared++
        this.main.set(key, { weight: cell.weight, uses: fromSmall ? 0 : cell.uses - 1 })
        if (fromSmall) this.promoted++
        else this.secondChances++
        continue
      }
      victims.push(key)
      if (fromSmall) this.ghosts.add(key)
    }
    return victims
  }
}

const weightOf = (line: ReadonlyMap<string, Cell>): number => {
  let sum = 0
  for (const cell of line.values()) sum += cell.weight
  return sum
}

const oldest = (line: ReadonlyMap<string, Cell>): readonly [string, Cell] => {
  for (const entry of line) return entry
  throw new Error("an empty queue has no oldest")
}
