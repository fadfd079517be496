/**
 * The chaos of the tests (`test/chaos`), for as long as you like: the library over a Redis that breaks, while
 * everybody reads and writes. Ends with one line of JSON; exits with 1 when a read was wrong.
 *
 * `npm run chaos -- [--minutes 10] [--on single|sentinel|cluster] [--seed N] [--without tokens|losses]`
 *
 * Without `--on` all three have a turn, and share the minutes. `--without` shows that the checker sees: it
 * takes a guard away, and must fail.
 */
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as Chaos from "../test/chaos/Chaos.ts"
import * as ClusterServers from "../test/chaos/ClusterServers.ts"
import * as SentinelServers from "../test/chaos/SentinelServers.ts"
import * as SingleServers from "../test/chaos/SingleServers.ts"

const USAGE =
  "npm run chaos -- [--minutes 10, shared by all kinds] [--on single|sentinel|cluster] [--seed N] [--without tokens|losses]"

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    on: { type: "string" },
    seed: { type: "string" },
    without: { type: "string" },
    help: { type: "boolean", default: false },
  },
})

const SECONDS_PER_MINUTE = 60
const SEEDS = 2 ** 31

const layers = { single: SingleServers.layer, sentinel: SentinelServers.layer, cluster: ClusterServers.layer }

const minutes = Number(flags.minutes)
const seed = flags.seed === undefined ? Math.floor(Math.random() * SEEDS) : Number(flags.seed)
const { without } = flags
const kinds = (["single", "sentinel", "cluster"] as const).filter((kind) => (flags.on ?? kind) === kind)
const isGuard = without === undefined || without === "tokens" || without === "losses"
if (flags.help || !(minutes > 0) || !Number.isInteger(seed) || kinds.length === 0 || !isGuard) {
  console.error(USAGE)
  process.exit(flags.help ? 0 : 2)
}

const isTerminal = process.stderr.isTTY
const figures = await Effect.runPromise(
  Effect.forEach(kinds, (kind) =>
    Chaos.run({
      seconds: (minutes * SECONDS_PER_MINUTE) / kinds.length,
      seed,
      ...(without === undefined ? {} : { without }),
      ...(isTerminal ? { onProgress: (line) => process.stderr.write(`\r\u001b[K${line}`) } : {}),
    }).pipe(
      Effect.map((found) => [kind, found] as const),
      Effect.provide(layers[kind]),
    ),
  ),
)
if (isTerminal) process.stderr.write("\n")
console.log(JSON.stringify(Object.fromEntries(figures)))
process.exitCode = figures.some(([, { violations }]) => Object.keys(violations).length > 0) ? 1 : 0
