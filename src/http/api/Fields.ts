/** The parts of requests and replies that several operations share, with their grammar. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as DurationText from "../../core/DurationText.ts"
import { RESERVED_PREFIX } from "../../core/Entry.ts"

/** Bytes of UTF-8 that a key may have. */
export const MAX_KEY_BYTES = 1_024

/** Keys that one page of a listing holds at most, and how many it holds when nobody says. */
export const MAX_PAGE = 1_000
export const DEFAULT_PAGE = 100

const utf8 = new TextEncoder()

/** Why a text cannot be a key; `undefined` when it can. */
export const keyFault = (text: string): string | undefined => {
  if (text === "") return "must not be empty"
  if (text.includes("\0")) return "must not contain NUL"
  if (!text.isWellFormed()) return "must be valid UTF-8"
  if (text.length > MAX_KEY_BYTES || utf8.encode(text).length > MAX_KEY_BYTES) {
    return `must be at most ${MAX_KEY_BYTES} bytes of UTF-8`
  }
  if (text.startsWith(RESERVED_PREFIX)) return `must not begin with ${RESERVED_PREFIX}`
  return undefined
}

/** The name of an entry. */
export const Key = Schema.String.check(
  Schema.makeFilter((text: string) => {
    const fault = keyFault(text)
    return fault === undefined ? undefined : `key ${fault}`
  }),
).annotate({
  identifier: "Key",
  description: `1 to ${MAX_KEY_BYTES} bytes of UTF-8 without NUL, percent-encoded in paths; must not begin with ${RESERVED_PREFIX}`,
  examples: ["rayban"],
})

/** What `?ttl=` says: an expiry in milliseconds, or to keep the present one. */
export type Ttl = { readonly _tag: "After"; readonly millis: number } | { readonly _tag: "Keep" }

const TTL_ACCEPTED = `keep, or ${DurationText.ACCEPTED}, at least 1ms`

const parseTtl = (text: string): Option.Option<Ttl> =>
  text === "keep"
    ? Option.some({ _tag: "Keep" })
    : Option.map(
        Option.filter(DurationText.parse(text), (millis) => millis > 0),
        (millis): Ttl => ({ _tag: "After", millis }),
      )

/** How long the store keeps a value: `30s`, `5m`, `1h30m`, `250ms`, plain seconds, or `keep`. */
export const TtlFromText = Schema.String.annotate({
  identifier: "Ttl",
  description: `how long the store keeps the value: ${TTL_ACCEPTED}; without it the value does not expire`,
  examples: ["5m"],
}).pipe(
  Schema.decodeTo(
    Schema.declare(
      (input: unknown): input is Ttl => typeof input === "object" && input !== null && "_tag" in input,
    ),
    SchemaTransformation.transformEffect({
      decode: (text: string, options) =>
        Option.match(parseTtl(text), {
          onNone: () =>
            Effect.fail(
              new SchemaIssue.InvalidValue({ message: `ttl must be ${TTL_ACCEPTED}` }, text, options),
            ),
          onSome: (ttl) => Effect.succeed(ttl),
        }),
      encode: (ttl: Ttl) => Effect.succeed(ttl._tag === "Keep" ? "keep" : DurationText.format(ttl.millis)),
    }),
  ),
)
