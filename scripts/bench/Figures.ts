/** Numbers and how they are shown: medians with their spread, tables, and what they were measured on. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"

/** The middle of several rounds, and the worst and best of them. */
export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
}

const SIGNIFICANT_DIGITS = 4

/** Four digits say more than any of these benchmarks knows. */
const rounded = (value: number): number => Number(value.toPrecision(SIGNIFICANT_DIGITS))

export const figure = (values: ReadonlyArray<number>): Figure => {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN
  const high = sorted[Math.floor(half)] ?? Number.NaN
  return {
    median: rounded((low + high) / 2),
    min: rounded(sorted[0] ?? Number.NaN),
    max: rounded(sorted.at(-1) ?? Number.NaN),
  }
}

const NANOS_PER_MICRO = 1_000

/** Nanoseconds of CPU that this process took since, the collector's threads included. */
export const cpuNanosSince = (since: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(since)
  return (system + user) * NANOS_PER_MICRO
}

/** `self` over `other`, of the medians; min and max of the rounds, which were measured next to each other. */
export const ratio = (self: ReadonlyArray<number>, other: ReadonlyArray<number>): Figure => ({
  ...figure(self.map((value, round) => value / (other[round] ?? Number.NaN))),
  median: rounded(figure(self).median / figure(other).median),
})

/** `12.3 (10.1..14)` */
export const show = ({ max, median, min }: Figure, digits = 0): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`

/** Columns as wide as they need; the first ranges left, the others right. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths: Array<number> = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n")
}

/** The version of an installed package; "unknown" when it cannot be told. */
export const versionOf = (name: string): string => {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  const found: unknown = JSON.parse(readFileSync(file, "utf8"))
  return typeof found === "object" && found !== null && "version" in found ? String(found.version) : "unknown"
}

/** What a program prints about itself, reduced to what the pattern's first group finds. */
export const versionFrom = (command: string, args: ReadonlyArray<string>, pattern: RegExp): string => {
  const { stdout } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  return pattern.exec(stdout ?? "")?.[1] ?? "unknown"
}

/** The machine, its load before the run, Node, and the command line that was given. */
export const machine = (script: string) => ({
  command: ["npm run -s", script, ...(process.argv.length > 2 ? ["--"] : []), ...process.argv.slice(2)].join(
    " ",
  ),
  node: process.versions.node,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  loadBefore: rounded(loadavg()[0] ?? Number.NaN),
})
