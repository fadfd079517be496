/**
 * The linter's rules are only worth something while they fire. Each case is a file that breaks one rule, laid
 * out as in `src/` and judged by our own configuration; the files beside them are right and must stay silent.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const root = Path.join(import.meta.dirname, "..")
const oxlint = Path.join(root, "node_modules/oxlint/bin/oxlint")

const wrong: ReadonlyArray<readonly [fact: string, file: string, source: string, rule: string]> = [
  ["core imports no other ring", "core/A.ts", `import "../store/X.ts"`, "imports"],
  ["core imports no setting", "core/B.ts", `import "../Config.ts"`, "imports"],
  ["core names no type of another ring", "core/C.ts", `export type T = import("../store/X.ts").T`, "imports"],
  ["core loads nothing later", "core/D.ts", `export const f = () => import("../store/X.ts")`, "imports"],
  ["core has no Effect", "core/E.ts", `import "effect/Effect"`, "imports"],
  ["core has no clock", "core/F.ts", `import "effect/Clock"`, "imports"],
  ["core does not import all of effect", "core/G.ts", `import { Ref } from "effect"; Ref.make(1)`, "imports"],
  ["core has nothing of node", "core/H.ts", `import "node:fs"`, "imports"],
  ["core has no other package", "core/I.ts", `import "ioredis"`, "imports"],
  ["core does not throw", "core/J.ts", `export const f = () => { throw 1 }`, "no-throw"],
  ["core does not wait", "core/K.ts", `export const f = async () => 1`, "no-async-await"],
  ["core has no date", "core/L.ts", `export const f = () => Date.now()`, "no-restricted-globals"],
  ["core draws no number", "core/M.ts", `export const f = () => Math.random()`, "no-restricted-properties"],
  ["store does not import the cache", "store/A.ts", `import "../cache/X.ts"`, "imports"],
  ["store does not import http", "store/B.ts", `import "../http/X.ts"`, "imports"],
  ["a store that is not Redis has no ioredis", "store/StoreMemory.ts", `import "ioredis"`, "imports"],
  ["only StoreSqlite has sqlite", "store/StoreFile.ts", `import "node:sqlite"`, "imports"],
  ["cache does not import the background", "cache/A.ts", `import "../background/X.ts"`, "imports"],
  ["cache has no ioredis", "cache/B.ts", `import "ioredis/built/Redis.js"`, "imports"],
  ["background does not import http", "background/A.ts", `import "../http/X.ts"`, "imports"],
  ["http does not import the command line", "http/A.ts", `import "../cli/X.ts"`, "imports"],
  ["http does not import the program", "http/B.ts", `import "../app.ts"`, "imports"],
  ["the contract does not import its handlers", "http/api/A.ts", `import "../Handlers.ts"`, "imports"],
  ["the contract does not import the cache", "http/api/B.ts", `import "../../cache/X.ts"`, "imports"],
  ["the contract has nothing of node", "http/api/C.ts", `import "node:http"`, "imports"],
  ["cli does not import the guard", "cli/A.ts", `import "../main.ts"`, "imports"],
  ["only the guard sees the process", "cache/C.ts", `import "node:process"`, "imports"],
  [
    "only the guard has the global process",
    "cache/D.ts",
    `export const f = () => process.pid`,
    "no-restricted-globals",
  ],
  ["only index.ts passes exports on", "cache/E.ts", `export { T } from "./X.ts"`, "no-barrel"],
  ["no cycles", "cache/P.ts", `import { q } from "./Q.ts"; export const p = () => q`, "no-cycle"],
  [
    "no cycles from the other end",
    "cache/Q.ts",
    `import { p } from "./P.ts"; export const q = p`,
    "no-cycle",
  ],
  ["no any", "cache/F.ts", `export const f = (x: any) => x`, "no-explicit-any"],
  [
    "no assertion that something is there",
    "cache/G.ts",
    `export const f = (x?: {}) => x!`,
    "no-non-null-assertion",
  ],
]

const right: ReadonlyArray<readonly [file: string, source: string]> = [
  [
    "core/Right.ts",
    `import "effect/HashMap"; import "effect/Option"; import "./X.ts"; import "../core/X.ts"`,
  ],
  ["core/sub/Right.ts", `import "../X.ts"`],
  ["store/StoreRedis.ts", `import "ioredis"; import "../core/X.ts"; import "effect/Effect"`],
  ["store/RedisClient.ts", `import "ioredis"`],
  ["store/StoreSqlite.ts", `import "node:sqlite"`],
  ["cache/Right.ts", `import "../store/X.ts"`],
  ["background/Right.ts", `import "../cache/X.ts"`],
  ["http/Right.ts", `import "./api/X.ts"; import "../background/X.ts"; import "node:http"`],
  ["http/api/Right.ts", `import "../../core/X.ts"; import "effect/http-api"; import "./X.ts"`],
  ["cli/Right.ts", `import "../http/X.ts"; import "../Config.ts"`],
  ["index.ts", `export * as X from "./core/X.ts"`],
  ["main.ts", `process.exitCode = 1; void import("./app.ts")`],
]

/** The rules that fire on these files, by file. */
const lint = (files: ReadonlyArray<readonly [file: string, source: string]>): Map<string, Array<string>> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "rings-"))
  try {
    for (const [file, source] of files) {
      const path = Path.join(folder, "src", file)
      Fs.mkdirSync(Path.dirname(path), { recursive: true })
      Fs.writeFileSync(path, source)
    }
    const config = Path.join(root, "scripts/oxlint.json")
    const { stdout } = spawnSync(process.execPath, [oxlint, "-c", config, "-f", "json", "src"], {
      cwd: folder,
      encoding: "utf8",
    })
    const report: { readonly diagnostics: ReadonlyArray<{ code: string; filename: string }> } =
      JSON.parse(stdout)
    const fired = new Map<string, Array<string>>()
    for (const { code, filename } of report.diagnostics) {
      const file = filename.replace(/^src\//, "")
      fired.set(file, [...(fired.get(file) ?? []), code.replace(/^.*\((.*)\)$/, "$1")])
    }
    return fired
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

describe("the linter's rules", () => {
  const fired = lint([...wrong.map(([, file, source]) => [file, source] as const), ...right])

  for (const [fact, file, , rule] of wrong) {
    it(fact, () => assert.deepStrictEqual(fired.get(file), [rule]))
  }
  for (const [file] of right) {
    it(`${file} may import what it imports`, () => assert.isUndefined(fired.get(file)))
  }
})
