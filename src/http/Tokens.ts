/**
 * The tokens of `TOKENS_FILE`: who may ask, and for what.
 *
 * The file holds SHA-256 digests, not tokens, so reading it gives nobody access. A request's token is digested and
 * the digest looked up in a map. That needs no comparison in constant time: how long a look-up takes may tell
 * something about the digest, but who guesses cannot choose digests that begin alike without inverting SHA-256, so
 * no guess gets nearer by it.
 */
import { hash } from "node:crypto"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { SCOPES, type Scope } from "./api/Access.ts"
import * as Caller from "./Caller.ts"
import * as SchemaProblems from "./SchemaProblems.ts"

const Token = Schema.Struct({
  name: Schema.String.check(Schema.isPattern(/^[\w.-]{1,64}$/)),
  sha256: Schema.String.check(Schema.isPattern(/^[0-9a-fA-F]{64}$/)),
  scopes: Schema.Array(Schema.Literals(SCOPES)).check(Schema.isMinLength(1)),
  prefixes: Schema.optionalKey(Schema.Array(Schema.NonEmptyString).check(Schema.isMinLength(1))),
})

const File = Schema.fromJsonString(Schema.Array(Token).check(Schema.isMinLength(1)))

/** By digest. */
export type Tokens = ReadonlyMap<string, Caller.Identity>

const EXPECTED: Readonly<Record<string, string>> = {
  name: "1 to 64 letters, digits, dots, dashes or underscores",
  sha256: "the SHA-256 of the token in 64 hex digits",
  scopes: `some of ${SCOPES.join(", ")}`,
  prefixes: "what the keys of the token begin with",
}

/** Where it is wrong and what belongs there. What came is not shown: it may be a token. */
const faultOf = (error: Schema.SchemaError): string => {
  const { path } = SchemaProblems.firstIssue(error)
  const field = path.split(".").find((segment) => Object.hasOwn(EXPECTED, segment))
  if (field !== undefined) return `${path} must be ${EXPECTED[field]}`
  const shape = `it must be a JSON array of {${Object.keys(EXPECTED).join(", ")}}`
  return path === "" ? shape : `${shape}, and ${path} is not`
}

const scopesOf = (scopes: ReadonlyArray<Scope>): ReadonlySet<Scope> =>
  new Set(scopes.includes("admin") ? SCOPES : scopes)

/** The tokens in a text, or what is wrong with it. */
export const parse = (text: string): Result.Result<Tokens, string> =>
  Result.gen(function* () {
    const decoded = yield* Result.mapError(
      Schema.decodeUnknownResult(File, { onExcessProperty: "error" })(text),
      faultOf,
    )
    const tokens = new Map<string, Caller.Identity>()
    const names = new Set<string>()
    for (const { name, prefixes, scopes, sha256 } of decoded) {
      const digest = sha256.toLowerCase()
      if (names.has(name)) return yield* Result.fail(`the name ${name} is there twice`)
      if (tokens.has(digest)) return yield* Result.fail(`the token of ${name} is there twice`)
      names.add(name)
      const limits = prefixes === undefined ? {} : { prefixes }
      tokens.set(digest, Caller.known({ name, scopes: scopesOf(scopes), ...limits }))
    }
    return tokens
  })

/** RFC 6750 section 2.1. */
const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i

/** Who sends this `Authorization`. `None` for the tokens: none are set up. */
export const identify = (
  tokens: Option.Option<Tokens>,
  authorization: string | undefined,
): Caller.Identity => {
  if (Option.isNone(tokens)) return Caller.everybody
  if (authorization === undefined) return Caller.missing
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined) return Caller.unknown
  return tokens.value.get(hash("sha256", token)) ?? Caller.unknown
}
