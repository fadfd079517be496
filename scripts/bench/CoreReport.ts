/** How the figures of the core are shown, and whether ours are as small as we want. */
import type * as CoreProcesses from "./CoreProcesses.ts"
import { rows } from "./CoreRows.ts"
import * as Figures from "./Figures.ts"
import * as Memory from "./Memory.ts"

export const NOTES = `
CPU nanoseconds per operation, the collector's threads included; median (min..max) of several turns
hit        a key that is there and was used often, its string made before, or built for it from bytes
put        a new entry in place of one: ours beginWrite + settleWrite
get or put a key that is there or not, and its entry where it is not: ours beginRead + settle; somebody leaves
new key    a key that was never there, built for it, and its entry; somebody leaves
ours       CacheState as Cache.ts uses it: S3-FIFO, freshness, trust, deadlines, tokens
Cache.peek what a program calls for a hit, over the same state: the clock is read, a reading is made
loop       does nothing: what the loop, the strings and the entries cost everybody
peers      values neither cloned nor serialized, no TTL; bentocache and cache-manager are awaited one operation at
           a time; layered-loader is read with its synchronous short cut; Effect's Cache runs each operation on its
           own; these but layered-loader are left out at 1,000,000 entries, for time, unless --only is given
bytes      per entry on the heap beyond key and value; the record that ours keeps with a value is a cost of ours
`

const LRU = "lru-cache"
const BYTES_LIMIT = 120
/** Where the limit of bytes holds. */
const BYTES_SIZE = 1_000_000
const RATIO_DIGITS = 2

export interface Measured {
  readonly times?: CoreProcesses.Times
  readonly bytes?: CoreProcesses.PerContestant<CoreProcesses.Occupancy>
}

export interface Target {
  readonly name: string
  /** Ours over lru-cache, or bytes. */
  readonly found: number
  readonly limit: number
  readonly met: boolean
}

type OfRow = CoreProcesses.PerContestant<Figures.Figure>

/** Ours over lru-cache: `gross` as measured, `net` without what the loop costs. */
const ratios = (of: OfRow): { readonly gross: number; readonly net: number } => {
  const [ours = NaN, lru = NaN, loop = 0] = ["ours", LRU, "loop"].map((name) => of[name]?.median)
  return { gross: ours / lru, net: (ours - loop) / (lru - loop) }
}

export const targets = (size: number, { bytes, times }: Measured): ReadonlyArray<Target> => {
  const ofTimes = Object.entries(times?.nanos ?? {}).flatMap(([row, of]) => {
    const limit = rows[row]?.limit
    if (limit === undefined) return []
    const found = ratios(of).net
    return Number.isNaN(found) ? [] : [{ name: row, found, limit, met: found <= limit }]
  })
  const churned = bytes?.["ours"]?.churned
  if (churned === undefined || size < BYTES_SIZE) return ofTimes
  return [...ofTimes, { name: "bytes", found: churned, limit: BYTES_LIMIT, met: churned <= BYTES_LIMIT }]
}

const timesTable = (size: number, { nanos, pauses }: CoreProcesses.Times): string => {
  const names = Object.keys(pauses)
  const ratio = (value: number) => (Number.isNaN(value) ? "" : value.toFixed(RATIO_DIGITS))
  const collector = Figures.table([
    ["  the collector, in the turns of", "scavenges", "mark-compacts", "steps of marking"],
    ...Object.entries(pauses).map(([name, { markCompacts, scavenges, steps }]) => [
      `  ${name}`,
      Memory.show(scavenges),
      Memory.show(markCompacts),
      Memory.show(steps),
    ]),
  ])
  const operations = Figures.table([
    [`${size} entries`, ...names, `ours / ${LRU}`, "without loop"],
    ...Object.entries(nanos).map(([row, of]) => [
      `  ${row}`,
      ...names.map((name) => (of[name] === undefined ? "" : Figures.show(of[name]))),
      ratio(ratios(of).gross),
      ratio(ratios(of).net),
    ]),
  ])
  return `${operations}\n\n${collector}`
}

const bytesTable = (size: number, bytes: CoreProcesses.PerContestant<CoreProcesses.Occupancy>): string =>
  Figures.table([
    [`${size} entries, bytes`, ...Object.keys(bytes)],
    ["  filled", ...Object.values(bytes).map(({ filled }) => String(filled))],
    ["  when as many have left", ...Object.values(bytes).map(({ churned }) => String(churned))],
  ])

const targetsTable = (size: number, found: ReadonlyArray<Target>): string =>
  Figures.table([
    [`${size} entries, targets`, "found", "at most", "met"],
    ...found.map((target) => [
      `  ${target.name}`,
      target.found.toFixed(target.name === "bytes" ? 0 : RATIO_DIGITS),
      String(target.limit),
      target.met ? "yes" : "NO",
    ]),
  ])

export const show = (size: number, measured: Measured): string => {
  const { bytes, times } = measured
  const found = targets(size, measured)
  return [
    ...(times === undefined ? [] : [timesTable(size, times)]),
    ...(bytes === undefined ? [] : [bytesTable(size, bytes)]),
    ...(found.length === 0 ? [] : [targetsTable(size, found)]),
  ]
    .map((table) => `${table}\n`)
    .join("\n")
}

export const showPauses = (size: number, pauses: CoreProcesses.PerContestant<CoreProcesses.Pauses>): string =>
  `${Figures.table([
    [`${size} entries, 50,000 new ones per second for 8 s`, ...Object.keys(pauses)],
    ["  taken in per second", ...Object.values(pauses).map(({ perSecond }) => String(perSecond))],
    ["  scavenges", ...Object.values(pauses).map(({ scavenges }) => Memory.show(scavenges))],
    ["  mark-compacts", ...Object.values(pauses).map(({ markCompacts }) => Memory.show(markCompacts))],
    ["  steps of marking", ...Object.values(pauses).map(({ steps }) => Memory.show(steps))],
    ["  main thread busy, %", ...Object.values(pauses).map(({ busyPercent }) => busyPercent.toFixed(1))],
    ["  resident, MB", ...Object.values(pauses).map(({ rssMegabytes }) => rssMegabytes.toFixed(0))],
  ])}\n`

export const showStalls = (size: number, { leftForHeavy, longest }: CoreProcesses.Stalls): string =>
  `${Figures.table([
    [`${size} entries, longest transition in ms`, "own work", "on the clock", "of"],
    ...Object.entries(longest).map(([name, { clockMillis, count, millis }]) => [
      `  ${name}`,
      millis.toFixed(RATIO_DIGITS),
      clockMillis.toFixed(RATIO_DIGITS),
      String(count),
    ]),
  ])}\n  for a value of 8 MiB ${leftForHeavy} left at once\n`
