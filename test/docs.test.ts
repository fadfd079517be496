/** The documents name tests; each must be there, or the document promises what nobody checks. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("..", import.meta.url).pathname

/** `test/file.ts`: the name of a test, at the end of a row or in brackets. */
const NAMED = /`(test\/[\w./-]+\.ts)`: ([^|\n]+?)(?: \||\)?\.?$)/gm

interface Named {
  readonly file: string
  readonly name: string
}

const namedIn = (document: string): ReadonlyArray<Named> =>
  [...document.matchAll(NAMED)].map(([, file = "", name = ""]) => ({ file, name }))

/** Titles of tests as they stand in the source, on the line of the call or on the next. */
const titlesIn = (source: string): ReadonlySet<string> =>
  new Set(
    [...source.matchAll(/\b(?:it|test|service|effect|live)\(\s*"((?:[^"\\]|\\.)*)"/g)].map(([, title = ""]) =>
      String(JSON.parse(`"${title}"`)),
    ),
  )

const isThere = ({ file, name }: Named): boolean =>
  existsSync(join(root, file)) && titlesIn(readFileSync(join(root, file), "utf8")).has(name)

describe("documents", () => {
  const documents = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"))

  for (const name of documents) {
    it(`docs/${name} names tests that are there`, () => {
      const text = readFileSync(join(root, "docs", name), "utf8")
      assert.deepStrictEqual(
        namedIn(text).filter((named) => !isThere(named)),
        [],
      )
    })
  }

  it("docs/http.md has a test in every row", () => {
    const rows = readFileSync(join(root, "docs/http.md"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("|") && !/^\| (section|---)/.test(line))
    assert.isAbove(rows.length, 50)
    assert.deepStrictEqual(
      rows.filter((row) => namedIn(row).length !== 1),
      [],
    )
  })

  it("a name that is not there is noticed", () => {
    assert.isFalse(isThere({ file: "test/http/Reading.test.ts", name: "does what nobody wrote" }))
    assert.isFalse(isThere({ file: "test/nothing.test.ts", name: "does what nobody wrote" }))
  })
})
