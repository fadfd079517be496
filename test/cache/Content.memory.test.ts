import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const PROGRAM = join(import.meta.dirname, "occupancy.ts")

describe("weigh", () => {
  it("counts what an entry really costs, to within a sixth", { timeout: 60_000 }, () => {
    const printed = execFileSync(process.execPath, ["--expose-gc", PROGRAM], { encoding: "utf8" })
    const { counted, found }: { readonly counted: number; readonly found: number } = JSON.parse(printed)
    assert.isTrue(found > 0.83 * counted && found < 1.17 * counted, printed)
  })
})
