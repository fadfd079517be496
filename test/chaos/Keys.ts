/** The keys of a run, by number: who writes which, and which of them a cluster keeps together. */
import type { Seeded } from "./Seeded.ts"

/** Everybody writes these. */
export const MIXED = 64
/** Half of all reads and writes of mixed keys go to the first few, where races are. */
export const HOT = 6
/** Incremented by one foreign writer. */
export const COUNTERS = 4
/** Written in turn by one foreign writer, so that each invalidation belongs to one write: the staleness. */
export const PROBES = 26
/** Renamed, copied, appended to and expired by one foreign writer. */
export const FAMILIES = 3
const FAMILY = 4

const FIRST_PROBE = MIXED + COUNTERS
const FIRST_FAMILY = FIRST_PROBE + PROBES
export const COUNT = FIRST_FAMILY + FAMILIES * FAMILY

/**
 * Keys of one group have one slot. The tags are such that a cluster of three masters, as it starts, has the
 * groups in turn: 0, 3, 6 … on the first.
 */
const TAGS = ["3", "5", "8", "10", "12", "13", "14", "16", "17", "18", "20", "22", "24", "27", "31", "32"]
export const GROUPS = TAGS.length
export const SHARDS = 3
/** The slots of the last groups move from master to master. */
export const FIRST_MOVING = GROUPS - SHARDS

/** Several keys at once, where a number says which are meant. All: as FLUSHALL and a restart have it. */
export const ALL = -1
const MOVING = -2
/** Those of a shard that do not move. */
export const staying = (shard: number): number => MOVING - 1 - shard
/** Those that may be anywhere. */
export const moving = MOVING

export const counter = (index: number): number => MIXED + index
export const probe = (index: number): number => FIRST_PROBE + index
export const isCounter = (key: number): boolean => key >= MIXED && key < FIRST_PROBE
export const isProbe = (key: number): boolean => key >= FIRST_PROBE && key < FIRST_FAMILY

export interface Family {
  /** Renamed to each other and copied. */
  readonly pair: readonly [number, number]
  readonly appended: number
  readonly expired: number
}

export const family = (index: number): Family => {
  const first = FIRST_FAMILY + index * FAMILY
  return { pair: [first, first + 1], appended: first + 2, expired: first + 3 }
}

export const isFamily = (key: number): boolean => key >= FIRST_FAMILY && key < COUNT

/** What is written to the one may come to be under the other. */
export const areKin = (one: number, other: number): boolean =>
  isFamily(one) && isFamily(other) && groupOf(one) === groupOf(other)

export const groupOf = (key: number): number =>
  key < FIRST_FAMILY ? key % GROUPS : Math.floor((key - FIRST_FAMILY) / FAMILY)

/** Of something else in the group. */
export const nameIn = (group: number, rest: string): string => `key:{${TAGS[group] ?? ""}}:${rest}`

const NAMES: ReadonlyArray<string> = Array.from({ length: COUNT }, (_, key) => nameIn(groupOf(key), `${key}`))
const NUMBERS = new Map(NAMES.map((name, key) => [name, key]))

export const name = (key: number): string => NAMES[key] ?? ""
export const names = NAMES
export const numbers: ReadonlyArray<number> = NAMES.map((_, key) => key)
/** Undefined: it is no key of the run. */
export const number = (of: string): number | undefined => NUMBERS.get(of)

const SETS = new Map<number, ReadonlyArray<number>>([
  [ALL, numbers],
  [MOVING, numbers.filter((key) => groupOf(key) >= FIRST_MOVING)],
])
for (let shard = 0; shard < SHARDS; shard++) {
  SETS.set(
    staying(shard),
    numbers.filter((key) => groupOf(key) < FIRST_MOVING && groupOf(key) % SHARDS === shard),
  )
}

/** The keys that a number stands for. */
export const keysOf = (which: number): ReadonlyArray<number> => SETS.get(which) ?? [which]

export const anyMixed = (random: Seeded): number => random.below(random.chance(0.5) ? HOT : MIXED)
export const any = (random: Seeded): number => (random.chance(0.7) ? anyMixed(random) : random.below(COUNT))
/** Another mixed key of the same group. */
export const mate = (key: number, random: Seeded): number =>
  (key + GROUPS * (1 + random.below(MIXED / GROUPS - 1))) % MIXED
