import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as StoreSqlite from "../../src/store/StoreSqlite.ts"
import { Store } from "../../src/store/Store.ts"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url))

/** Runs a writer and kills it a random while after its first acknowledgement; the keys that it printed. */
const writeUntilKilled = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.promise(
    () =>
      new Promise<ReadonlyArray<string>>((resolve, reject) => {
        const child = spawn(process.execPath, [WRITER, directory, ...args], {
          stdio: ["ignore", "pipe", "inherit"],
        })
        const keys: Array<string> = []
        const lines = createInterface(child.stdout)
        lines.on("line", (key) => {
          if (keys.push(key) === 1) setTimeout(() => child.kill("SIGKILL"), Math.random() * 60)
        })
        let printed = false
        lines.on("close", () => (printed = true))
        child.once("close", (_code, signal) => {
          if (signal === "SIGKILL" && printed) resolve(keys)
          else reject(new Error("the writer ended by itself"))
        })
      }),
  )

/** Opens the store again; which of the keys have lost their value, and whether the number of keys is right. */
const lost = (directory: string, keys: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(StoreSqlite.layer({ directory })), Store)
      const missing: Array<string> = []
      for (const key of keys) {
        const read = yield* store.read(key)
        const number = Number(key.slice(key.lastIndexOf("-") + 1))
        const expected = key.repeat(1 + (number % 40))
        if (Option.isNone(read) || Buffer.from(read.value.bytes).toString() !== expected) missing.push(key)
      }
      const { keys: listed } = yield* store.list({ prefix: "", limit: 1_000_000, cursor: Option.none() })
      assert.strictEqual(yield* store.count, listed.length)
      return missing
    }),
  )

describe("StoreSqlite and kill -9", () => {
  it.live("no acknowledged write is lost in 20 kills, and the file opens again", () =>
    Effect.forEach(
      ["a", "b"],
      (name) =>
        Effect.gen(function* () {
          const directory = yield* TemporaryDirectory.make
          const acknowledged: Array<string> = []
          for (let round = 0; round < 10; round++) {
            acknowledged.push(...(yield* writeUntilKilled(directory, `${name}${round}`)))
            assert.deepStrictEqual(yield* lost(directory, acknowledged), [])
          }
          assert.isAbove(acknowledged.length, 100)
        }),
      { concurrency: "unbounded" },
    ),
  )

  it.live("a writer that acknowledges too early is caught by the same check", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      let missing = 0
      for (let round = 0; round < 10 && missing === 0; round++) {
        const keys = yield* writeUntilKilled(directory, `early${round}`, "early")
        missing += (yield* lost(directory, keys)).length
      }
      assert.isAbove(missing, 0)
    }),
  )
})
