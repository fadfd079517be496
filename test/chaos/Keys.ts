/** The keys of a run, by number: who writes which. */
import type { Seeded } from "./Seeded.ts"

/** Everybody writes these. */
export const MIXED = 64
/** Half of all reads and writes of mixed keys go to the first few, where races are. */
export const HOT = 6
/** Incremented by one foreign writer. */
export const COUNTERS = 4
/** Written in turn by one foreign writer, so that each invalidation belongs to one write: the staleness. */
export const PROBES = 26

export const COUNT = MIXED + COUNTERS + PROBES

/** All keys at once, as FLUSHALL and a restart have it. */
export const ALL = -1

export const counter = (index: number): number => MIXED + index
export const probe = (index: number): number => MIXED + COUNTERS + index

export const isCounter = (key: number): boolean => key >= MIXED && key < MIXED + COUNTERS
export const isProbe = (key: number): boolean => key >= MIXED + COUNTERS && key < COUNT

const NAMES: ReadonlyArray<string> = Array.from({ length: COUNT }, (_, key) => `key:${key}`)
const NUMBERS = new Map(NAMES.map((name, key) => [name, key]))

export const name = (key: number): string => NAMES[key] ?? ""
export const names = NAMES
/** Undefined: it is no key of the run. */
export const number = (of: string): number | undefined => NUMBERS.get(of)

export const anyMixed = (random: Seeded): number => random.below(random.chance(0.5) ? HOT : MIXED)
export const any = (random: Seeded): number => (random.chance(0.7) ? anyMixed(random) : random.below(COUNT))
