/** Prints the table of settings into the README. A test fails when it is out of date. */
import { readFileSync, writeFileSync } from "node:fs"
import { markdownTable } from "../src/Config.ts"

const path = new URL("../README.md", import.meta.url)
const readme = readFileSync(path, "utf8")
writeFileSync(
  path,
  readme.replace(
    /(<!-- settings:start -->\n)[^]*?(<!-- settings:end -->)/,
    (_, start: string, end: string) => `${start}\n${markdownTable()}\n\n${end}`,
  ),
)
