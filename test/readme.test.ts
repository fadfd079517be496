import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Config from "../src/Config.ts"
import * as StoreSqlite from "../src/store/StoreSqlite.ts"
import * as Service from "./http/Service.ts"

const root = new URL("..", import.meta.url).pathname
const readme = readFileSync(join(root, "README.md"), "utf8")

const between = (name: string): string =>
  new RegExp(`<!-- ${name}:start -->\n([^]*?)<!-- ${name}:end -->`).exec(readme)?.[1]?.trim() ?? ""

const block = (language: string): string =>
  new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(readme)?.[1] ?? ""

interface Command {
  readonly outgoing: Service.Outgoing
  /** The lines that the README shows as the reply. */
  readonly shown: ReadonlyArray<string>
}

/** The curl lines of the README: `-i`, `-X METHOD`, `-d BODY` and a URL. */
const commands: ReadonlyArray<Command> = block("console")
  .split(/^\$ /m)
  .slice(1)
  .map((text) => {
    const [line = "", ...shown] = text.split("\n")
    const method = /-X (\w+)/.exec(line)?.[1]
    const body = /-d '([^']*)'/.exec(line)?.[1]
    return {
      outgoing: {
        path: /localhost:8000(\S+)/.exec(line)?.[1] ?? "",
        ...(method === undefined ? {} : { method }),
        ...(body === undefined
          ? {}
          : { body, headers: { "content-type": "application/x-www-form-urlencoded" } }),
      },
      shown: shown.filter((shownLine) => shownLine !== ""),
    }
  })

/** Times and durations differ from run to run; all else is as shown. */
const settled = (text: string): string =>
  text
    .replace(/ttl=\d+/g, "ttl=N")
    .replace(/"millis":\d+/g, '"millis":N')
    .replace(/"at":"[^"]+"/g, '"at":"T"')

const temporaryStore = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "cache-mechanism-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true })),
    ),
    (directory) => StoreSqlite.layer({ directory }),
  ),
)

describe("README", () => {
  it("shows the settings as the program has them", () => {
    assert.strictEqual(between("settings"), Config.markdownTable())
  })

  it.live("shows the replies as they come", () =>
    Effect.gen(function* () {
      const { send } = yield* Service.Service
      assert.strictEqual(commands.length, 3)
      for (const { outgoing, shown } of commands) {
        const { headers, status, text } = yield* send(outgoing)
        assert.isTrue(shown.length > 0)
        for (const line of shown) {
          if (line.startsWith("HTTP/1.1")) assert.strictEqual(Number(line.split(" ")[1]), status)
          else if (/^[a-z-]+: /.test(line)) {
            const [name = "", ...rest] = line.split(": ")
            assert.strictEqual(settled(String(headers[name])), settled(rest.join(": ")), name)
          } else assert.strictEqual(settled(text), settled(line))
        }
      }
    }).pipe(Effect.provide(Service.layer(temporaryStore))),
  )

  it("has a library example that runs", { timeout: 60_000 }, async () => {
    const example = block("ts")
      .replace('"cache-mechanism"', JSON.stringify(new URL("../src/index.ts", import.meta.url).href))
      .replace("RedisFollowed.layer(redis)", "[StoreMemory.layer, TrackerMemory.layer]")
      .replace("RedisFollowed }", "StoreMemory, TrackerMemory }")
      .replace(/Effect\.runPromise\((.+)\)\n/, "console.log(await Effect.runPromise($1))\n")
    const output = await new Promise<string>((resolve, reject) => {
      execFile(
        process.execPath,
        ["--input-type=module-typescript", "-e", example],
        { cwd: root },
        (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
      )
    })
    assert.match(output, /^wayfarer\n$/)
  })
})
