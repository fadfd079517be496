/**
 * What is tested where: the scenarios in which a near cache may go stale, each with the file that has its tests.
 * Their titles begin with its number. All run the whole library on a real Redis, wait for the fence or for a
 * condition, and force the order of things where it matters.
 *
 * Two parts are not here. 46, load for a minute, is a measurement (`npm run bench:redis`). Of 35, the cleaning of
 * tag records: there are none, as a tag is the hash of the value.
 */
import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const SCENARIOS = 49
const MEASURED = 46

const TABLE: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Writers: {
    1: "a third party writes",
    9: "a third party writes after an own write",
    10: "a third party writes after GETEX, GETSET on the connection that reads",
    11: "FLUSHALL, FLUSHDB, of another database too",
    12: "removed, created; an absence that is held",
    16: "MULTI and a script change two keys at once",
    17: "every other command that changes a key",
    18: "names that look alike, and names that are no keys",
    29: "garbage on the channel",
    33: "compare and set of several clients",
    34: "compare and set against a third party",
  },
  Races: {
    2: "question and write in one cycle of the server",
    3: "the invalidation before the answer",
    5: "who wrote reads what was written",
    11: "a flush while a key is fetched",
    49: "without the guard these fail: 2, 3, 5, 11",
  },
  Questions: {
    4: "a reader after an invalidation joins nobody from before it",
    6: "nor one after an own write",
    20: "the tracker is lost while a key is fetched",
    44: "a reader is interrupted",
    45: "L1 evicts while a key is fetched",
  },
  Expiry: {
    13: "Redis announces an expiry late",
    14: "a third party changes the expiry",
    35: "compare and set keeps the expiry",
  },
  Failures: {
    7: "the outcome of a write is not known",
    8: "a write is refused",
    15: "Redis evicts",
    19: "writes while the tracker is away",
    21: "the data connection is killed",
    23: "the server falls silent",
    25: "the server dies and comes back empty",
    30: "SWAPDB, which nobody announces",
    31: "a backup repairs exactly what differs",
    32: "a backup beside a writer",
    47: "two instances",
    48: "a key prefix",
  },
  Kills: { 22: "both connections are killed again and again", 49: "without the guard it fails" },
  Refusals: {
    24: "tracking ends on a healthy connection",
    26: "no right to listen",
    27: "no tracking at all",
    28: "a reader too slow for the server",
  },
  Cluster: {
    36: "keys on three masters",
    37: "MIGRATE under readers",
    38: "a slot is taken; an empty slot moves",
    39: "a replica is promoted",
    40: "a master is killed",
    41: "a server is added",
  },
  Sentinel: { 42: "failover" },
  Scopes: { 43: "the scope ends while something is under way" },
}

const numbersIn = (source: string): ReadonlyArray<number> =>
  [...source.matchAll(/["`](\d+(?:, \d+)*): /gu)].flatMap(([, found = ""]) => found.split(", ").map(Number))

const distinct = (numbers: ReadonlyArray<number>) => [...new Set(numbers)].toSorted((a, b) => a - b)

const sourceOf = (name: string) => readFileSync(new URL(`${name}.test.ts`, import.meta.url), "utf8")

describe("the scenarios of coherence", () => {
  it("are each tested in the file that the table says", () => {
    for (const [name, scenarios] of Object.entries(TABLE)) {
      assert.deepStrictEqual(
        distinct(numbersIn(sourceOf(name))),
        distinct(Object.keys(scenarios).map(Number)),
        name,
      )
    }
  })

  it("are all there but the one that is measured", () => {
    const all = Array.from({ length: SCENARIOS }, (_, index) => index + 1)
    assert.deepStrictEqual(
      distinct(Object.values(TABLE).flatMap((scenarios) => Object.keys(scenarios).map(Number))),
      all.filter((number) => number !== MEASURED),
    )
  })

  it("are in files that the table has, and none is left out of a run", () => {
    const files = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".test.ts"))
    assert.deepStrictEqual(
      files.map((name) => name.replace(".test.ts", "")).toSorted(),
      [...Object.keys(TABLE), "Scenarios"].toSorted(),
    )
    for (const name of Object.keys(TABLE)) {
      assert.notMatch(sourceOf(name), /\.(?:skip|only|todo|skipIf|runIf|fails)\b/u, name)
    }
  })
})
