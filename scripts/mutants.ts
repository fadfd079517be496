/**
 * Are the tests worth anything? Breaks one rule at a time (`mutants/`), in a copy, and expects the tests to fail
 * that are there to notice.
 *
 *     node scripts/mutants.ts            all of them
 *     node scripts/mutants.ts Fill       those whose file or rule contains "Fill"
 *
 * Exits with 1 if one survives, if one no longer applies, or if the tests of the core fail without any.
 */
import { spawn } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { mutants as ofCoherence } from "./mutants/coherence.ts"
import { mutants as ofCore } from "./mutants/core.ts"
import { mutants as ofListings } from "./mutants/listings.ts"
import type { Mutant } from "./mutants/Mutant.ts"
import { mutants as ofReading } from "./mutants/reading.ts"

const mutants: ReadonlyArray<Mutant> = [...ofCore, ...ofReading, ...ofListings, ...ofCoherence]

const ROOT = resolve(import.meta.dirname, "..")
const AT_ONCE = Math.min(2, availableParallelism())
/** Several times what the whole run of the tests takes. */
const LIMIT_MILLIS = 180_000
/** A broken rule may make a test wait for ever. */
const TEST_MILLIS = 60_000

type Verdict = "passed" | "failed" | "no verdict"

interface Result {
  readonly verdict: "caught" | "SURVIVED" | "STALE" | "NO VERDICT"
  readonly millis: number
}

/** A copy of the program and its tests. */
const makeCopy = async (parent: string, name: string): Promise<string> => {
  const copy = join(parent, name)
  await mkdir(copy)
  for (const part of ["src", "test"]) await cp(join(ROOT, part), join(copy, part), { recursive: true })
  await cp(join(ROOT, "package.json"), join(copy, "package.json"))
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"))
  return copy
}

const runTests = (copy: string, tests: ReadonlyArray<string>, title?: string): Promise<Verdict> =>
  new Promise((done) => {
    const vitest = join(copy, "node_modules/vitest/vitest.mjs")
    const flags = [
      "--bail=1",
      "--pool=threads",
      "--maxWorkers=1",
      "--no-isolate",
      `--testTimeout=${TEST_MILLIS}`,
      `--hookTimeout=${TEST_MILLIS}`,
      ...(title === undefined ? [] : ["--testNamePattern", ` ${title}`]),
    ]
    const child = spawn(
      process.execPath,
      [vitest, "run", "--root", copy, "--dir", join(copy, "test"), ...flags, ...tests],
      {
        cwd: copy,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: LIMIT_MILLIS,
        killSignal: "SIGKILL",
      },
    )
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.on("close", (code) => {
      // A failed test, not a runner that could not start.
      if (code === 0) done("passed")
      else done(/ FAIL .*\.test\.ts.* > /.test(stripVTControlCharacters(output)) ? "failed" : "no verdict")
    })
  })

const judge = async (
  copy: string,
  { file, find, replace, tests, title }: Mutant,
): Promise<Result["verdict"]> => {
  const path = join(copy, "src", file)
  const source = await readFile(path, "utf8")
  if (source.split(find).length !== 2) return "STALE"
  await writeFile(
    path,
    source.replace(find, () => replace),
  )
  const verdict = await runTests(copy, tests, title)
  await writeFile(path, source)
  return verdict === "failed" ? "caught" : verdict === "passed" ? "SURVIVED" : "NO VERDICT"
}

const print = ({ breaks, file }: Mutant, { millis, verdict }: Result): void =>
  console.log(`${verdict.padEnd(10)} ${String(millis).padStart(6)} ms  ${file.padEnd(16)} ${breaks}`)

const main = async (parent: string): Promise<number> => {
  const wanted = process.argv[2] ?? ""
  const chosen = mutants.filter(({ breaks, file }) => `${file} ${breaks}`.includes(wanted))
  const copies = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, index) => makeCopy(parent, `copy${index}`)),
  )
  if (copies[0] === undefined || (await runTests(copies[0], ["test/core/"])) !== "passed") {
    console.log("the tests fail without any mutant: nothing can be said")
    return 1
  }
  const results: Array<Result> = []
  const waiting = chosen.values()
  const work = async (copy: string): Promise<void> => {
    for (const mutant of waiting) {
      const startedAt = performance.now()
      const verdict = await judge(copy, mutant)
      const result = { verdict, millis: Math.round(performance.now() - startedAt) }
      results.push(result)
      print(mutant, result)
    }
  }
  await Promise.all(copies.map(work))
  const count = (verdict: Result["verdict"]) => results.filter((result) => result.verdict === verdict).length
  const caught = count("caught")
  const rest = `${count("STALE")} no longer apply, ${count("NO VERDICT")} without a verdict`
  console.log(`${caught} caught, ${count("SURVIVED")} survived, ${rest}`)
  return caught === results.length && caught > 0 ? 0 : 1
}

const parent = await realpath(await mkdtemp(join(tmpdir(), "mutants-")))
try {
  process.exitCode = await main(parent)
} finally {
  await rm(parent, { recursive: true, force: true })
}
