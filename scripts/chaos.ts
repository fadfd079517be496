/**
 * The chaos of the tests (`test/chaos`), for as long as you like: the library over a Redis that breaks, while
 * everybody reads and writes. Ends with one line of JSON; exits with 1 when a read was wrong.
 *
 * `npm run chaos -- [--minutes 10] [--seed N] [--without-guard]`
 *
 * `--without-guard` shows that the checker sees: it must fail.
 */
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as Chaos from "../test/chaos/Chaos.ts"
import * as Faults from "../test/chaos/Faults.ts"

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    "without-guard": { type: "boolean", default: false },
  },
})

const SECONDS_PER_MINUTE = 60
const SEEDS = 2 ** 31

const minutes = Number(flags.minutes)
const seed = flags.seed === undefined ? Math.floor(Math.random() * SEEDS) : Number(flags.seed)
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("--minutes must be a number above 0, --seed a whole number")
  process.exit(2)
}

const isTerminal = process.stderr.isTTY
const figures = await Effect.runPromise(
  Chaos.run({
    seconds: minutes * SECONDS_PER_MINUTE,
    seed,
    faults: Faults.ALL,
    guard: !flags["without-guard"],
    ...(isTerminal ? { onProgress: (line) => process.stderr.write(`\r\u001b[K${line}`) } : {}),
  }),
)
if (isTerminal) process.stderr.write("\n")
console.log(JSON.stringify(figures))
process.exitCode = Object.keys(figures.violations).length > 0 ? 1 : 0
