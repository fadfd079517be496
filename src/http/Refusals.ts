/** Where the errors of the cache become the problems of the API. */
import * as Option from "effect/Option"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type { ReadError } from "../cache/Cache.ts"
import type { TooManySubscribers } from "../cache/Changes.ts"
import type { CursorExpired } from "../cache/Listings.ts"
import type { NotCached } from "../cache/Reads.ts"
import type {
  BadCursor,
  ConditionFailed,
  OutOfMemory,
  OutcomeUnknown,
  StoreUnavailable,
  WrongType,
} from "../store/Store.ts"
import * as Problems from "./api/Problems.ts"
import { quote } from "./Conditions.ts"
import { NOT_CACHED } from "./ValueReply.ts"

const MAX_RECEIVED = 100

const RETRY = { "retry-after": Problems.RETRY_AFTER } as const

const wrongType = () =>
  new Problems.WrongType({ detail: "the key holds a list, a hash or the like; nothing was changed" })

/** A 503 that says when to come back. */
export const unavailable = (error: StoreUnavailable) =>
  HttpApiSchema.withHeaders({
    body: new Problems.StoreUnavailable({ detail: `the store does not answer: ${error.reason}` }),
    headers: RETRY,
  })

/** A merge that others overtook `tries` times. */
export const contended = (tries: number) =>
  HttpApiSchema.withHeaders({
    body: new Problems.Contended({ detail: `the value changed ${tries} times before the merge was written` }),
    headers: RETRY,
  })

/** A body that is no patch, with the media type that one has. */
export const ofPatchType = (detail: string) =>
  HttpApiSchema.withHeaders({
    body: new Problems.UnsupportedMediaType({ detail }),
    headers: { "accept-patch": Problems.PATCH_TYPE } as const,
  })

export const tooManySubscribers = ({ max }: TooManySubscribers) =>
  HttpApiSchema.withHeaders({
    body: new Problems.TooManySubscribers({ max, detail: `${max} listen already` }),
    headers: RETRY,
  })

/** The errors of a listing. */
export const ofListing = (error: BadCursor | CursorExpired | StoreUnavailable) => {
  switch (error._tag) {
    case "BadCursor":
      return new Problems.InvalidRequest({
        parameter: "cursor",
        received: error.cursor.slice(0, MAX_RECEIVED),
        detail: "cursor must be one that the page before gave out, for the same prefix and source",
      })
    case "CursorExpired":
      return new Problems.CursorExpired({ detail: "begin again without a cursor" })
    case "StoreUnavailable":
      return unavailable(error)
  }
}

/** The errors of a question to the store. */
export const ofStoreRead = (error: StoreUnavailable | WrongType) =>
  error._tag === "WrongType" ? wrongType() : unavailable(error)

/** The errors of a read through L1. */
export const ofRead = (error: ReadError | NotCached) =>
  error._tag === "NotCached"
    ? HttpApiSchema.withHeaders({
        body: new Problems.NotCached({ detail: "Cache-Control says only-if-cached" }),
        headers: { "cache-status": NOT_CACHED },
      })
    : ofStoreRead(error)

/** The errors of a write, but for its condition. */
export const ofWrite = (error: StoreUnavailable | OutcomeUnknown | WrongType | OutOfMemory) => {
  switch (error._tag) {
    case "WrongType":
      return wrongType()
    case "OutOfMemory":
      return new Problems.OutOfMemory({ detail: `the store has no room: ${error.reason}` })
    case "StoreUnavailable":
      return unavailable(error)
    case "OutcomeUnknown":
      return HttpApiSchema.withHeaders({
        body: new Problems.OutcomeUnknown({
          detail: `the write was sent and no answer came (${error.reason}): read the key to know`,
        }),
        headers: RETRY,
      })
  }
}

/** A condition that did not hold, with the tag that the store has. */
export const ofCondition = ({ current }: Pick<ConditionFailed, "current">) => {
  const etag = Option.map(current, quote)
  return HttpApiSchema.withHeaders({
    body: new Problems.PreconditionFailed({
      detail: Option.match(etag, {
        onNone: () => "the store holds no value under this key",
        onSome: (tag) => `the store holds ${tag}`,
      }),
      ...(Option.isSome(etag) ? { current: etag.value } : {}),
    }),
    headers: Option.isSome(etag) ? { etag: etag.value } : {},
  })
}
