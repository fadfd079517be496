/**
 * SWAPDB changes what every key holds and is announced to nobody, so no tracker can hear of it: only a round
 * of the backup finds it. Therefore it is an act of its own, in which nobody reads or writes.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Keys from "./Keys.ts"
import * as Rest from "./Rest.ts"
import type { Node } from "./Servers.ts"
import type { Violations } from "./Violations.ts"

export interface Swapped {
  /** Entries of L1 that were not what Redis held. */
  readonly differed: number
  readonly alarms: number
  /** Of them, those that were so after the round. */
  readonly left: number
}

/** Every other key is in the other database too, with another value. */
const OTHERS = Keys.names.filter((_, key) => key % 2 === 0).map((name) => ["SET", name, "other"])

/** `fill`: has L1 read everything. */
export const run = Effect.fnUntraced(function* <R>(
  server: Node,
  fill: Effect.Effect<unknown, never, R>,
  violations: Violations,
) {
  const { run: round } = yield* Backup.Backup
  yield* server.pipeline([["SELECT", "1"], ["FLUSHDB"], ...OTHERS])
  // What is written to another database is announced like what is written to ours.
  yield* fill
  yield* server.cli("SWAPDB", "0", "1")
  const before = yield* Rest.compare([server])
  const report = yield* Effect.retry(round, Schedule.spaced("20 millis"))
  const after = yield* Rest.compare([server])
  const swapped: Swapped = {
    differed: before.stale.length,
    alarms: report.alarms,
    left: after.stale.length,
  }
  if (swapped.differed === 0) violations.add("vacuous", swapped)
  if (swapped.alarms === 0 || swapped.left > 0) violations.add("staleAtRest", swapped)
  return swapped
})
