/**
 * The files that the server needs and that change while it runs: tokens, certificate and key. They are read at the
 * start, where a bad one is the end of it, and again when somebody asks: then a bad one is logged, and what was
 * good before is kept.
 */
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tokens from "./Tokens.ts"

/** A file that a setting names cannot be used. */
export class FileUnusable extends Schema.TaggedError<FileUnusable>()("FileUnusable", {
  setting: Schema.String,
  path: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.setting} ${this.path} cannot be used: ${this.reason}`
  }
}

export interface Options {
  readonly tokensFile?: string
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface Certificate {
  readonly cert: string
  readonly key: string
}

interface Loaded {
  readonly tokens: Option.Option<Tokens.Tokens>
  readonly certificate: Option.Option<Certificate>
}

export class Secrets extends Context.Service<
  Secrets,
  {
    /** None: no tokens are set up. */
    readonly tokens: () => Option.Option<Tokens.Tokens>
    readonly certificate: () => Option.Option<Certificate>
    readonly isTls: boolean
    /** Reads the files again. */
    readonly reload: Effect.Effect<void, FileUnusable>
  }
>()("cache-mechanism/http/Secrets") {}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown"

const read = (setting: string, path: string) =>
  Effect.try({
    try: () => readFileSync(path, "utf8"),
    catch: (error) => new FileUnusable({ setting, path, reason: codeOf(error) }),
  })

const readTokens = (path: string) =>
  Effect.flatMap(read("TOKENS_FILE", path), (text) =>
    Effect.fromResult(
      Result.mapError(
        Tokens.parse(text),
        (reason) => new FileUnusable({ setting: "TOKENS_FILE", path, reason }),
      ),
    ),
  )

/** Both files, and that they belong together. */
const readCertificate = (files: { readonly cert: string; readonly key: string }) =>
  Effect.gen(function* () {
    const cert = yield* read("TLS_CERT", files.cert)
    const key = yield* read("TLS_KEY", files.key)
    yield* Effect.try({
      try: () => createSecureContext({ cert }),
      catch: (error) => new FileUnusable({ setting: "TLS_CERT", path: files.cert, reason: codeOf(error) }),
    })
    yield* Effect.try({
      try: () => createSecureContext({ cert, key }),
      catch: (error) => new FileUnusable({ setting: "TLS_KEY", path: files.key, reason: codeOf(error) }),
    })
    return { cert, key }
  })

const load = (options: Options): Effect.Effect<Loaded, FileUnusable> =>
  Effect.gen(function* () {
    const { tls, tokensFile } = options
    return {
      tokens: tokensFile === undefined ? Option.none() : Option.some(yield* readTokens(tokensFile)),
      certificate: tls === undefined ? Option.none() : Option.some(yield* readCertificate(tls)),
    }
  })

export const layer = (options: Options): Layer.Layer<Secrets, FileUnusable> =>
  Layer.effect(
    Secrets,
    Effect.map(load(options), (first) => {
      let current = first
      return Secrets.of({
        tokens: () => current.tokens,
        certificate: () => current.certificate,
        isTls: options.tls !== undefined,
        reload: Effect.map(load(options), (next) => {
          current = next
        }),
      })
    }),
  )
