import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"

const send = (outgoing: Service.Outgoing) =>
  Effect.flatMap(Service.Service, (service) => service.send(outgoing))

/** The scripts and styles that a browser finds in a page, as it reads it: an element ends at its first end tag. */
const inlineOf = (html: string, element: string): ReadonlyArray<string> =>
  [...html.matchAll(new RegExp(`<${element}\\b[^>]*>([^]*?)</${element}`, "gi"))].map(([, text = ""]) => text)

layer(Service.layer(StoreMemory.layer), { excludeTestServices: true })("pages", (it) => {
  it.effect("run no script and load nothing but their own, and are framed by nobody", () =>
    Effect.gen(function* () {
      for (const path of ["/docs", "/docs/problems", "/docs/problems/unauthorized"]) {
        const { headers, text } = yield* send({ path })
        const policy = String(headers["content-security-policy"])
        const directive = (name: string) => new RegExp(`(?:^|; )${name} ([^;]*)`).exec(policy)?.[1] ?? ""
        assert.strictEqual(directive("default-src"), "'none'")
        assert.strictEqual(directive("frame-ancestors"), "'none'")
        assert.notInclude(directive("script-src"), "unsafe")
        for (const [element, name] of [
          ["script", "script-src"],
          ["style", "style-src-elem"],
        ] as const) {
          const inline = inlineOf(text, element)
          if (element === "style" || path === "/docs") assert.isAbove(inline.length, 0)
          for (const content of inline) {
            const digest = createHash("sha256").update(content).digest("base64")
            assert.include(directive(name), `'sha256-${digest}'`, path)
          }
        }
        assert.deepStrictEqual(
          [headers["x-frame-options"], headers["referrer-policy"], headers["x-content-type-options"]],
          ["DENY", "no-referrer", "nosniff"],
        )
      }
    }),
  )

  it.effect("and all other replies are taken for what they say they are", () =>
    Effect.gen(function* () {
      for (const path of ["/livez", "/metrics", "/openapi.json", "/nope", "/entries/none", "/entries"]) {
        assert.strictEqual((yield* send({ path })).headers["x-content-type-options"], "nosniff", path)
      }
    }),
  )
})
