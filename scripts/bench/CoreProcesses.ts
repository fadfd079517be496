/** The measurements of the core that need a process of their own, and what each prints. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Schema from "effect/Schema"

/** Something of each contestant. */
export type PerContestant<A> = Readonly<Record<string, A>>

const Sum = Schema.Struct({ count: Schema.Number, totalMillis: Schema.Number, maxMillis: Schema.Number })
const sumByKind = { scavenges: Sum, markCompacts: Sum, steps: Sum }

const Times = Schema.Struct({
  rounds: Schema.Number,
  /** Of each row. */
  nanos: Schema.Record(
    Schema.String,
    Schema.Record(
      Schema.String,
      Schema.Struct({ median: Schema.Number, min: Schema.Number, max: Schema.Number }),
    ),
  ),
  pauses: Schema.Record(Schema.String, Schema.Struct(sumByKind)),
})
export type Times = typeof Times.Type

const Occupancy = Schema.Struct({
  /** Bytes of a key and its value, which are not counted below. */
  keysAndValues: Schema.Number,
  filled: Schema.Number,
  /** When as many others have passed through. */
  churned: Schema.Number,
})
export type Occupancy = typeof Occupancy.Type

const Pauses = Schema.Struct({
  perSecond: Schema.Number,
  ...sumByKind,
  busyPercent: Schema.Number,
  rssMegabytes: Schema.Number,
})
export type Pauses = typeof Pauses.Type

const Stalls = Schema.Struct({
  /** How many left for one heavy value. */
  leftForHeavy: Schema.Number,
  longest: Schema.Record(
    Schema.String,
    Schema.Struct({ count: Schema.Number, millis: Schema.Number, clockMillis: Schema.Number }),
  ),
})
export type Stalls = typeof Stalls.Type

/** What a script beside this one prints as JSON. */
const printedBy = (script: string, options: ReadonlyArray<string>, args: ReadonlyArray<string>): unknown => {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const { signal, status, stdout } = spawnSync(process.execPath, [...options, file, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  })
  if (status !== 0) throw new Error(`${script} ${args.join(" ")} ended with ${signal ?? status}`)
  return JSON.parse(stdout)
}

const WITH_GC = ["--expose-gc", "--max-old-space-size=8192"]

export const times = (names: ReadonlyArray<string>, size: number): Times =>
  Schema.decodeUnknownSync(Times)(printedBy("Times.ts", WITH_GC, [names.join(), String(size)]))

export const occupancy = (name: string, size: number): Occupancy =>
  Schema.decodeUnknownSync(Occupancy)(printedBy("Occupancy.ts", WITH_GC, [name, String(size)]))

export const pauses = (name: string, size: number): Pauses =>
  Schema.decodeUnknownSync(Pauses)(printedBy("Pauses.ts", [], [name, String(size)]))

export const stalls = (size: number): Stalls =>
  Schema.decodeUnknownSync(Stalls)(printedBy("Stalls.ts", [], [String(size)]))
