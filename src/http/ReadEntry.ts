/**
 * `GET` and `HEAD` of an entry: what the reader accepts of L1, and what it has already.
 *
 * In the order of RFC 9110 section 13.2.2: what would be no 200 anyway comes first, then `If-Match`, then
 * `If-None-Match`. Dates and ranges are not looked at: values have no date of modification, and ranges are
 * not served.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type { Cache } from "../cache/Cache.ts"
import * as Condition from "../core/Condition.ts"
import type { Key } from "../core/Entry.ts"
import * as Problems from "./api/Problems.ts"
import * as CacheControl from "./CacheControl.ts"
import * as Conditions from "./Conditions.ts"
import * as Refusals from "./Refusals.ts"
import * as ValueReply from "./ValueReply.ts"

export const make = (cache: Cache["Service"], terms: ValueReply.Terms) =>
  Effect.fnUntraced(function* (key: Key, headers: Conditions.Headers & CacheControl.Headers) {
    const condition = yield* Effect.fromResult(Conditions.ofHeaders(headers))
    const freshness = yield* Effect.fromResult(CacheControl.freshnessOf(headers))
    const asked = freshness === undefined ? cache.get(key) : cache.get(key, { freshness })
    const reading = yield* Effect.mapError(asked, Refusals.ofRead)
    if (reading.entry.value === undefined) {
      return yield* Effect.fail(
        HttpApiSchema.withHeaders({
          body: new Problems.EntryNotFound({ detail: "the store has no value under this key" }),
          headers: { "cache-status": ValueReply.cacheStatus(reading) },
        }),
      )
    }
    const { etag } = terms.describe(reading.entry)
    if (condition.ifMatch !== undefined && !Condition.selects(condition.ifMatch, etag)) {
      return yield* Effect.fail(Refusals.ofCondition({ current: Option.some(etag) }))
    }
    const isKnown = condition.ifNoneMatch !== undefined && Condition.selects(condition.ifNoneMatch, etag)
    const reply = isKnown ? ValueReply.notModified : ValueReply.ok
    return ValueReply.toResponse(reply(reading, reading.entry, terms))
  })
