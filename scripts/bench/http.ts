/**
 * Requests per second and per CPU second of the server, and latencies: the service next to a bare `node:http`
 * and to Webdis, in turn, on loopback. Rank by CPU per request: on a machine that has other things to do,
 * requests per second say how much of it was left.
 *
 * `npm run -s bench:http -- [--rounds 5] [--seconds 3] [--rows hit,304,miss,put,latency] [--also other/main.js]`
 *
 * The last row, `latency`, is about requests that come at a fixed rate.
 *
 * `--also`, any number of times: another build of the service takes part, to compare a change with what was before it.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Figures from "./Figures.ts"
import { bare, isRow, needsRedis, ours, ROWS, type Row, startRedis, webdis } from "./HttpContestants.ts"
import * as HttpLatency from "./HttpLatency.ts"
import { CONNECTIONS, KEYS, Load, VALUE_BYTES } from "./Load.ts"
import * as Process from "./Process.ts"
import * as Race from "./Race.ts"

const LATENCY = "latency"

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    rows: { type: "string", default: [...ROWS, LATENCY].join(",") },
    also: { type: "string", multiple: true, default: [] },
  },
})
const rounds = Number(flags.rounds)
const millis = Number(flags.seconds) * 1000
const chosen = flags.rows.split(",").filter(isRow)

const NOTES = `
ours    node dist/main.js with its defaults, except: CACHE_TTL=1 hour; hit and 304 on the embedded store;
        miss and put on Redis, miss with CACHE_MAX_ENTRIES=1, so that reads must ask Redis (value and TTL)
bare    node:http, texts ready in a Map, the headers of ours with age and ttl computed per request;
        miss and put: ioredis GET and SET with auto-pipelining, the ETag (sha1) computed per request
webdis  1 thread; GET and SET of Redis in every row, as it has no cache; 304 by its own ETag
ratio   CPU of the other per request / CPU of ours: below 1 ours is dearer; min..max of the rounds
Closed loop on ${CONNECTIONS} connections, ${KEYS} keys at random, values of ${VALUE_BYTES} bytes: latencies are those of a
saturated server. In the last table requests come at a fixed rate, and count from when they were due; L1
has ${HttpLatency.ENTRIES} entries. wrong: replies with another status than the row is about; must be 0.
`

/** Starts, warm-up, and visits of all keys: what a row, and a round, may take beyond its load. */
const SLACK_MILLIS_PER_ROW = 60_000
const SLACK_MILLIS_PER_ROUND = 5_000

const LATENCY_MILLIS = 600_000

const contestants = [
  ours("ours", Process.BUILT),
  ...flags.also.map((file) => ours(file, resolve(file))),
  bare,
]
Process.endAfter(
  LATENCY_MILLIS +
    ROWS.length *
      (SLACK_MILLIS_PER_ROW + rounds * (3 + flags.also.length) * (millis + SLACK_MILLIS_PER_ROUND)),
)
Process.requireBuild()
const machine = Figures.machine("bench:http")

const skipped: Array<string> = []
const redis = Process.isInstalled("redis-server") ? await startRedis() : undefined
if (redis === undefined) skipped.push("rows miss and put, and webdis: redis-server is not on PATH")
else if (Process.isInstalled("webdis")) contestants.push(webdis)
else skipped.push("webdis: not on PATH")
const rows = chosen.filter((row) => redis !== undefined || !needsRedis(row))

const HEADINGS = "req/s|req/CPU s|CPU µs/req|Redis CPU µs/req|p50 ms|p99 ms|p99.9 ms|wrong|L1 hits".split("|")

const lineOf = (name: string, figures: ReturnType<typeof Race.figuresOf>): ReadonlyArray<string> => [
  `  ${name}`,
  Figures.show(figures.perSecond),
  Figures.show(figures.perCpuSecond),
  Figures.show(figures.cpuMicros, 1),
  Figures.show(figures.redisMicros, 1),
  Figures.show(figures.p50, 2),
  Figures.show(figures.p99, 2),
  Figures.show(figures.p999, 2),
  String(figures.wrong),
  figures.hitRatio === undefined ? "" : `${(100 * figures.hitRatio).toFixed(1)} %`,
]

const load = new Load()

const measure = async (row: Row) => {
  const outcomes = await Race.run(row, contestants, { load, redis, rounds, millis })
  const self = outcomes.get("ours")
  const figures = new Map(Array.from(outcomes, ([name, outcome]) => [name, Race.figuresOf(row, outcome)]))
  const ratios = new Map(
    Array.from(outcomes, ([name, outcome]) => [name, self && Race.ratiosOf(self, outcome)] as const),
  )
  ratios.delete("ours")
  console.log(Figures.table([[row, ...HEADINGS], ...Array.from(figures, ([name, of]) => lineOf(name, of))]))
  for (const [name, found] of ratios) {
    if (found === undefined) continue
    const withRedis =
      needsRedis(row) || name === webdis.name
        ? `, with Redis's CPU ${Figures.show(found.cpuWithRedis, 2)}`
        : ""
    console.log(`  ratio to ${name} ${Figures.show(found.cpu, 2)}${withRedis}`)
  }
  return [row, { ...Object.fromEntries(figures), ratios: Object.fromEntries(ratios) }] as const
}

console.log(NOTES)
const measured = []
for (const row of rows) measured.push(await measure(row))
const latencies =
  redis !== undefined && flags.rows.split(",").includes(LATENCY)
    ? await HttpLatency.measure(load, redis, rounds, millis)
    : undefined
if (latencies !== undefined) console.log(HttpLatency.show(latencies))
load.stop()
await redis?.stop()

for (const reason of skipped) console.log(`skipped: ${reason}`)
console.log(
  JSON.stringify({
    rows: Object.fromEntries(measured),
    ...(latencies === undefined ? {} : { latencies: Object.fromEntries(latencies) }),
    rounds,
    seconds: millis / 1000,
    connections: CONNECTIONS,
    keys: KEYS,
    valueBytes: VALUE_BYTES,
    skipped,
    effect: Figures.versionOf("effect"),
    ioredis: Figures.versionOf("ioredis"),
    redis: redis && Figures.versionFrom("redis-server", ["--version"], /v=(\S+)/),
    webdis: contestants.includes(webdis)
      ? Figures.versionFrom("dpkg-query", ["--show", "webdis"], /\t(\S+)/)
      : undefined,
    ...machine,
  }),
)
