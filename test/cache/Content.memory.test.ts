import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const PROGRAM = join(import.meta.dirname, "occupancy.ts")

describe("weigh", () => {
  it(
    "counts at least what V8 says that an entry costs, and at most half as much again",
    { timeout: 60_000 },
    () => {
      const printed = execFileSync(process.execPath, ["--expose-gc", PROGRAM], { encoding: "utf8" })
      const { counted, found }: { readonly counted: number; readonly found: number } = JSON.parse(printed)
      assert.isTrue(counted >= found && counted <= 1.5 * found, printed)
    },
  )
})
