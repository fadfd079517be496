/** A file of tokens for tests: everybody who may something. */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as ServerOptions from "../../src/http/Server.ts"
import type * as LogLevel from "effect/LogLevel"
import type { Store } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as Service from "./Service.ts"

export const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex")

export const TOKENS = [
  { name: "reader", sha256: sha256("token-of-reader"), scopes: ["read"] },
  { name: "writer", sha256: sha256("token-of-writer"), scopes: ["read", "write"] },
  { name: "only-writer", sha256: sha256("token-of-only-writer"), scopes: ["write"] },
  { name: "admin", sha256: sha256("token-of-admin"), scopes: ["admin"] },
  { name: "shop", sha256: sha256("token-of-shop"), scopes: ["admin"], prefixes: ["shop/", "cart/"] },
]

/** The header of who holds a token. */
export const as = (name: string): Record<string, string> => ({ authorization: `Bearer token-of-${name}` })

/** A directory that goes with the scope. */
export const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "cache-mechanism-tokens-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true })),
)

export const write = (path: string, tokens: unknown): void => writeFileSync(path, JSON.stringify(tokens))

/** The service with these tokens. */
export const service = (
  options: {
    readonly hotPath?: boolean
    readonly server?: Partial<ServerOptions.Options>
    /** Default: memory. */
    readonly store?: Layer.Layer<Store>
    readonly logLevel?: LogLevel.LogLevel
  } = {},
) =>
  Layer.unwrap(
    Effect.map(directory, (folder) => {
      const tokensFile = join(folder, "tokens.json")
      write(tokensFile, TOKENS)
      return Service.layer(options.store ?? StoreMemory.layer, {
        ...options,
        server: { tokensFile, ...options.server },
      })
    }),
  )
