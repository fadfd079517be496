/**
 * CPU nanoseconds per operation: all contestants in one process, all full, in turn; and the collector's pauses in
 * the turns of each, some of them for what others left behind. Arguments: contestants, entries. Prints JSON.
 */
import { setImmediate } from "node:timers/promises"
import type { Entry } from "../../src/core/Entry.ts"
import type { Contestant } from "./Contestant.ts"
import * as Contestants from "./CoreContestants.ts"
import { type Row, rows } from "./CoreRows.ts"
import * as Figures from "./Figures.ts"
import * as Memory from "./Memory.ts"
import * as Workload from "./Workload.ts"

const ROUNDS = 5
const TURN_MILLIS = 80
/** Operations between two looks at the clock. */
const STEP = 500
/** What preparing a row may cost one contestant: Effect's Cache takes long to evict from a large map. */
const PREPARE_CPU_NANOS = 10e9
/** Passes after which even a policy that counts far has counted to its end. */
const MAX_PASSES = 16

type PerContestant<A> = Readonly<Record<string, A>>

type Operation = Row["operation"]

/** Does operations `from` to `to`, each awaited where they are promises. */
const repeat = async (
  operation: Operation,
  self: Contestant<Entry>,
  work: Workload.Workload,
  from: number,
  to: number,
): Promise<void> => {
  if (self.awaited) for (let at = from; at < to; at++) await operation(self, work, at)
  else for (let at = from; at < to; at++) operation(self, work, at)
}

interface Turn {
  readonly name: string
  readonly nanos: number
  readonly start: number
  readonly end: number
}

/** The CPU time includes that of the collector's threads. */
const turnOf = async (
  name: string,
  operation: Operation,
  self: Contestant<Entry>,
  work: Workload.Workload,
  from: number,
): Promise<Turn> => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  let at = from
  for (; performance.now() < start + TURN_MILLIS; at += STEP)
    await repeat(operation, self, work, at, at + STEP)
  return { name, nanos: Figures.cpuNanosSince(cpu) / (at - from), start, end: performance.now() }
}

const prepare = async (
  operation: Operation,
  self: Contestant<Entry>,
  work: Workload.Workload,
  count: number,
): Promise<void> => {
  const cpu = process.cpuUsage()
  for (let at = 0; at < count && Figures.cpuNanosSince(cpu) < PREPARE_CPU_NANOS; at += STEP)
    await repeat(operation, self, work, at, at + STEP)
}

/** Fills it, and uses every key until that makes no difference. */
const warm = async (self: Contestant<Entry>, { entries }: Workload.Workload): Promise<void> => {
  for (const entry of entries) await self.admit(entry.key, entry)
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const before = self.version()
    for (const { key } of entries) await self.get(key)
    if (self.version() === before) return
  }
}

const perContestant = <A>(names: ReadonlyArray<string>, of: (name: string) => A): PerContestant<A> =>
  Object.fromEntries(names.map((name) => [name, of(name)]))

/** Of the contestants with these names, at this size. */
const measure = async (names: ReadonlyArray<string>, size: number) => {
  const work = Workload.make(size)
  const contestants = names.flatMap((name) => {
    const self = Contestants.make(name, size)
    return self === undefined ? [] : [{ name, self }]
  })
  for (const { self } of contestants) await warm(self, work)
  const pausesSoFar = Memory.watchPauses()
  const turns: Array<Turn> = []
  const nanos: Record<string, PerContestant<Figures.Figure>> = {}
  for (const [row, { operation, prepared }] of Object.entries(rows)) {
    const count = prepared?.(work) ?? 0
    for (const { self } of contestants) await prepare(operation, self, work, count)
    const ofRow: Array<Turn> = []
    for (let round = 0; round <= ROUNDS; round++) {
      const from = Math.floor((round * work.uniform.keys.length) / ROUNDS)
      for (const { name, self } of contestants) {
        const turn = await turnOf(name, operation, self, work, from)
        // The first turn warms up.
        if (round > 0) ofRow.push(turn)
        await setImmediate()
      }
    }
    nanos[row] = perContestant(names, (name) =>
      Figures.figure(ofRow.filter((turn) => turn.name === name).map((turn) => turn.nanos)),
    )
    turns.push(...ofRow)
  }
  const pauses = await pausesSoFar()
  return {
    rounds: ROUNDS,
    nanos,
    pauses: perContestant(names, (name) => {
      const own = turns.filter((turn) => turn.name === name)
      return Memory.sumByKind(
        pauses.filter(({ start }) => own.some((turn) => turn.start <= start && start < turn.end)),
      )
    }),
  }
}

const [names = "", size = ""] = process.argv.slice(2)
console.log(JSON.stringify(await measure(names.split(","), Number(size))))
