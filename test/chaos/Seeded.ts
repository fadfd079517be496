/** Random numbers that are the same for the same seed, in every thread of a run. */

export interface Seeded {
  /** In [0, 1). */
  readonly next: () => number
  /** A whole number in [0, below). */
  readonly below: (below: number) => number
  readonly between: (min: number, max: number) => number
  readonly chance: (part: number) => boolean
  /** One of them; there must be some. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A
  readonly shuffled: <A>(items: ReadonlyArray<A>) => Array<A>
}

/** Mulberry32. `stream`: independent numbers for another actor of the same run. */
export const make = (seed: number, stream = 0): Seeded => {
  let state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    below,
    between: (min, max) => min + next() * (max - min),
    chance: (part) => next() < part,
    pick: (items) => {
      const [picked] = items.slice(below(items.length))
      if (picked === undefined) throw new Error("nothing to pick from")
      return picked
    },
    shuffled: (items) => {
      const all = [...items]
      for (let last = all.length - 1; last > 0; last--) {
        const other = below(last + 1)
        const [kept] = all.splice(last, 1)
        if (kept !== undefined) all.splice(other, 0, kept)
      }
      return all
    },
  }
}
