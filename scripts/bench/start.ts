/**
 * How long the service takes from being spawned to its first 200, and what it then occupies, next to a Node
 * that only answers. Each start is a new process with an empty data directory; the two take turns.
 *
 * `npm run -s bench:start`
 */
import * as Figures from "./Figures.ts"
import * as Process from "./Process.ts"

const ROUNDS = 10
const LIMIT_MILLIS = 120_000

/** Plain JavaScript: to strip types would take time that is not Node's own. */
const BARE = `require("node:http").createServer((_, reply) => reply.end("ok")).listen(process.env.PORT, "127.0.0.1")`

class Contestant {
  readonly args: ReadonlyArray<string>
  readonly millis: Array<number> = []
  readonly mebibytes: Array<number> = []

  constructor(args: ReadonlyArray<string>) {
    this.args = args
  }

  async startOnce() {
    const port = await Process.freePort()
    const env = { PORT: String(port), DATA_DIR: Process.directory() }
    const from = performance.now()
    const server = Process.start({ command: process.execPath, args: this.args, env }, port)
    await Process.answers(server, "/readyz")
    this.millis.push(performance.now() - from)
    this.mebibytes.push(Process.residentMiB(server.pid))
    await server.stop()
  }

  figures() {
    // The first start does not count: from then on the files come from the page cache.
    return { ms: Figures.figure(this.millis.slice(1)), rssMiB: Figures.figure(this.mebibytes.slice(1)) }
  }
}

Process.endAfter(LIMIT_MILLIS)
Process.requireBuild()
const machine = Figures.machine("bench:start")
const ours = new Contestant([Process.BUILT])
const bare = new Contestant(["-e", BARE])
for (let round = 0; round <= ROUNDS; round++) {
  await ours.startOnce()
  await bare.startOnce()
}

const row = (name: string, { ms, rssMiB }: ReturnType<Contestant["figures"]>) => [
  name,
  Figures.show(ms),
  Figures.show(rssMiB),
]
const ratio = Figures.ratio(ours.millis.slice(1), bare.millis.slice(1))
console.log(
  Figures.table([
    ["", "ms to first 200", "resident MiB"],
    row("ours (node dist/main.js, /readyz)", ours.figures()),
    row("bare (node:http)", bare.figures()),
  ]),
)
console.log(`ours / bare ${Figures.show(ratio, 2)}, ${ROUNDS} rounds in turn`)

const flat = ({ ms, rssMiB }: ReturnType<Contestant["figures"]>) => ({
  ms: ms.median,
  rssMiB: rssMiB.median,
  msSpread: [ms.min, ms.max],
  rssMiBSpread: [rssMiB.min, rssMiB.max],
})
console.log(
  JSON.stringify({
    ours: flat(ours.figures()),
    bare: flat(bare.figures()),
    ratio: ratio.median,
    ratioSpread: [ratio.min, ratio.max],
    rounds: ROUNDS,
    ...machine,
  }),
)
