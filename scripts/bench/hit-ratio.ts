/**
 * Replays recorded requests through the real state and through LRU, S3-FIFO and Belady, and prints how many hit.
 *
 * `npm run -s bench:hit-ratio -- TRACE [--capacity 1%] [--bytes]`: one trace, `NAME.u32.gz` (see `Trace.ts`)
 * `npm run -s bench:hit-ratio -- --all FOLDER [--bytes]`: all traces of a folder at 0.1, 1 and 10 %
 *
 * A capacity is a number of entries, or a part of the unique keys; with `--bytes`, a number of bytes, or a part
 * of the bytes of all objects, and only traces with weights take part.
 */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import * as Figures from "./Figures.ts"
import * as HitRatio from "./HitRatio.ts"
import * as Trace from "./Trace.ts"

const SIZES = ["0.1%", "1%", "10%"]
const WORKERS = 2
/** Traces that are no part of the table which others compare with: the means are given without them too. */
const EXTRAS = new Set(["mix-zipfshift-scan"])

const NOTES = `
hit %     requests that hit, of all; ours through the real state, s3fifo as libCacheSim has it, opt is Belady
behind    points by which ours is below the better of lru and s3fifo; above it when negative
changes   hits that made another state, per request
`

const percent = (hits: number, { requests }: HitRatio.Cell): number => (100 * hits) / requests
const behind = ({ hits, requests }: HitRatio.Cell): number =>
  (100 * (Math.max(hits.lru, hits.s3fifo) - hits.ours)) / requests
const changes = ({ changed, requests }: HitRatio.Cell): number => changed / requests

const HIT_DIGITS = 2
const CHANGE_DIGITS = 3
const POLICIES = ["ours", "lru", "s3fifo", "opt"] as const

/** Nothing has no sign. */
const shown = (points: number): string => points.toFixed(HIT_DIGITS).replace(/^-(?=[0.]*$)/, "")

/** The mean of something of each cell. */
const meanOf = (cells: ReadonlyArray<HitRatio.Cell>, of: (cell: HitRatio.Cell) => number): number =>
  cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length

const summaryOf = (cells: ReadonlyArray<HitRatio.Cell>) => ({
  cells: cells.length,
  ours: meanOf(cells, (cell) => percent(cell.hits.ours, cell)),
  lru: meanOf(cells, (cell) => percent(cell.hits.lru, cell)),
  s3fifo: meanOf(cells, (cell) => percent(cell.hits.s3fifo, cell)),
  opt: meanOf(cells, (cell) => percent(cell.hits.opt, cell)),
  /** Where ours is not behind, it is behind by nothing. */
  meanBehind: meanOf(cells, (cell) => Math.max(0, behind(cell))),
  maxBehind: Math.max(...cells.map(behind)),
  changes: meanOf(cells, changes),
})

const table = (cells: ReadonlyArray<HitRatio.Cell>): string =>
  Figures.table([
    ["trace", "size", "room", "requests", "hits", ...POLICIES, "behind", "changes"],
    ...cells.map((cell) => [
      cell.trace,
      cell.size,
      String(cell.capacity),
      String(cell.requests),
      String(cell.hits.ours),
      ...POLICIES.map((policy) => percent(cell.hits[policy], cell).toFixed(HIT_DIGITS)),
      shown(behind(cell)),
      changes(cell).toFixed(CHANGE_DIGITS),
    ]),
  ])

const summaryTable = (summaries: Readonly<Record<string, ReturnType<typeof summaryOf>>>): string =>
  Figures.table([
    ["mean over", "cells", ...POLICIES, "behind, mean", "max", "changes"],
    ...Object.entries(summaries).map(([name, summary]) => [
      name,
      String(summary.cells),
      ...POLICIES.map((policy) => summary[policy].toFixed(HIT_DIGITS)),
      summary.meanBehind.toFixed(HIT_DIGITS),
      shown(summary.maxBehind),
      summary.changes.toFixed(CHANGE_DIGITS),
    ]),
  ])

/** All tasks, on workers, those of the longest traces first; in the order of the tasks. */
const measureAll = async (tasks: ReadonlyArray<HitRatio.Task>): Promise<ReadonlyArray<HitRatio.Cell>> => {
  const cells = new Map<HitRatio.Task, HitRatio.Cell>()
  const waiting = tasks.toSorted((a, b) => statSync(a.file).size - statSync(b.file).size)
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL("HitRatioWorker.ts", import.meta.url))
      let task: HitRatio.Task | undefined
      const next = () => {
        task = waiting.pop()
        if (task === undefined) resolve(void worker.terminate())
        else worker.postMessage(task)
      }
      worker.on("error", reject)
      worker.on("message", (cell: HitRatio.Cell) => {
        if (task !== undefined) cells.set(task, cell)
        next()
      })
      next()
    })
  await Promise.all(Array.from({ length: WORKERS }, work))
  return tasks.flatMap((task) => cells.get(task) ?? [])
}

const tasksOf = (folder: string, weighed: boolean): ReadonlyArray<HitRatio.Task> =>
  readdirSync(folder)
    .filter((name) => name.endsWith(Trace.SUFFIX))
    .map((name) => join(folder, name))
    .filter((file) => !weighed || Trace.hasWeights(file))
    .flatMap((file) => SIZES.map((capacity) => ({ file, capacity, weighed })))

const {
  positionals: [file],
  values: flags,
} = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "string" },
    capacity: { type: "string", default: "1%" },
    bytes: { type: "boolean", default: false },
  },
})

const machine = Figures.machine("bench:hit-ratio")
if (flags.all !== undefined) {
  const cells = await measureAll(tasksOf(flags.all, flags.bytes))
  const known = cells.filter((cell) => !EXTRAS.has(cell.trace))
  const all = { "all traces": summaryOf(cells) }
  const summaries =
    known.length === cells.length ? all : { ...all, [`without ${[...EXTRAS].join()}`]: summaryOf(known) }
  console.log(`${NOTES}\n${table(cells)}\n\n${summaryTable(summaries)}`)
  console.log(JSON.stringify({ summaries, cells, bytes: flags.bytes, ...machine }))
} else if (file !== undefined) {
  const cell = HitRatio.measure({ file, capacity: flags.capacity, weighed: flags.bytes })
  console.log(`${NOTES}\n${table([cell])}`)
  console.log(JSON.stringify({ ...cell, bytes: flags.bytes, ...machine }))
} else {
  console.error(
    "usage: npm run -s bench:hit-ratio -- TRACE [--capacity N|N%] [--bytes] | --all FOLDER [--bytes]",
  )
  process.exitCode = 1
}
