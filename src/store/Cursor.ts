/**
 * The place where a listing goes on: opaque to its readers, safe in a URL, and refused when it is not ours.
 *
 * A cursor names its kind of store and the prefix it belongs to, so that one from another store or another
 * prefix is refused instead of listing the wrong keys.
 */
import { hash } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { BadCursor } from "./Store.ts"

export interface Cursor<Place> {
  readonly encode: (prefix: string, place: Place) => string
  readonly decode: (prefix: string, cursor: string) => Result.Result<Place, BadCursor>
}

export const make = <Place, Encoded>(kind: string, place: Schema.Codec<Place, Encoded>): Cursor<Place> => {
  const schema = Schema.StringFromBase64Url.pipe(
    Schema.decodeTo(Schema.fromJsonString(Schema.Tuple([Schema.Literal(kind), Schema.String, place]))),
  )
  const encode = Schema.encodeSync(schema)
  const decode = Schema.decodeResult(schema)
  return {
    encode: (prefix, value) => encode([kind, fingerprint(prefix), value]),
    decode: (prefix, cursor) => {
      const decoded = decode(cursor)
      return Result.isSuccess(decoded) && decoded.success[1] === fingerprint(prefix)
        ? Result.succeed(decoded.success[2])
        : Result.fail(new BadCursor({ cursor }))
    },
  }
}

/** Short: it guards against mistakes. What a cursor may reach is checked by the store that decodes it. */
const fingerprint = (prefix: string): string => hash("sha1", prefix, "hex").slice(0, 8)
