/**
 * `PATCH` of an entry: a JSON merge patch (RFC 7396), atomic under concurrency.
 *
 * It is merged in this process, as Redis' own JSON would change numbers, and written only over the very value
 * that was merged: what the *store* holds is read, and the write carries its entity tag as a condition. When
 * others were faster, all of it is done again, a bounded number of times. Patches of one key in this process
 * take turns, so that they do not make each other fail.
 *
 * A number in the value or in the patch that would come out as another one is refused, and so is a name that
 * occurs twice in an object: merging would lose something without a word.
 */
import { isUtf8 } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Cache } from "../cache/Cache.ts"
import { JSON_TYPE, textOf } from "../cache/Content.ts"
import * as Condition from "../core/Condition.ts"
import type { Key } from "../core/Entry.ts"
import * as MergePatch from "../core/MergePatch.ts"
import * as EntityTag from "../store/EntityTag.ts"
import type { Expiry, Store } from "../store/Store.ts"
import * as Problems from "./api/Problems.ts"
import * as Body from "./Body.ts"
import * as Conditions from "./Conditions.ts"
import * as JsonText from "./JsonText.ts"
import * as Refusals from "./Refusals.ts"
import * as Turns from "./Turns.ts"

export interface Sources {
  readonly cache: Cache["Service"]
  readonly store: Store["Service"]
  readonly maxValueBytes: number
}

/** What is to be done. */
export interface Patch {
  readonly key: Key
  readonly patch: unknown
  readonly condition: Condition.Condition
  readonly expiry: Expiry
}

/** Others in this process wait for their turn, so only other processes can be faster this often. */
const MAX_TRIES = 64

const utf8 = new TextEncoder()

/** The patch in the body of a request. */
export const bodyOf = (request: HttpServerRequest, maxBytes: number) =>
  Effect.mapError(Body.json(request, maxBytes, [Problems.PATCH_TYPE]), (error) =>
    error instanceof Problems.UnsupportedMediaType
      ? Refusals.ofPatchType(error.detail ?? error.title)
      : error,
  )

const jsonOf = (bytes: Uint8Array): Result.Result<unknown, Problems.NotMergeable> =>
  Result.mapError(
    isUtf8(bytes) ? JsonText.parse(textOf(bytes)) : Result.fail("must be valid UTF-8"),
    (fault) => new Problems.NotMergeable({ detail: `the value is merged as JSON: ${fault}` }),
  )

const replied = (key: Key, text: string, etag: string) =>
  HttpServerResponse.text(text, {
    contentType: JSON_TYPE,
    headers: {
      "content-location": `/entries/${encodeURIComponent(key)}`,
      etag: Conditions.quote(etag),
      "x-content-type-options": "nosniff",
    },
  })

export const make = ({ cache, maxValueBytes, store }: Sources) => {
  const turns = Turns.make()

  /** One round; nothing when somebody else was faster. */
  const attempt = Effect.fnUntraced(function* ({ condition, expiry, key, patch }: Patch) {
    const stored = yield* Effect.mapError(store.read(key), Refusals.ofStoreRead)
    if (Option.isNone(stored)) {
      return yield* new Problems.EntryNotFound({ detail: "the store has no value under this key" })
    }
    const { bytes } = stored.value
    const current = EntityTag.of(bytes)
    if (!Condition.holds(condition, current)) {
      return yield* Effect.fail(Refusals.ofCondition({ current: Option.some(current) }))
    }
    const text = JSON.stringify(MergePatch.merge(yield* Effect.fromResult(jsonOf(bytes)), patch))
    const merged = utf8.encode(text)
    if (merged.byteLength > maxValueBytes) {
      return yield* new Problems.ValueTooLarge({
        maxBytes: maxValueBytes,
        detail: `the merged value must be at most ${maxValueBytes} bytes`,
      })
    }
    return yield* cache.put(key, merged, { condition: Condition.ifTag(current), expiry }).pipe(
      Effect.map(({ etag }) => Option.some(replied(key, text, etag))),
      Effect.catch((error) =>
        error._tag === "ConditionFailed" ? Effect.succeedNone : Effect.fail(Refusals.ofWrite(error)),
      ),
    )
  })

  const attempts = Effect.fnUntraced(function* (patch: Patch) {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const reply = yield* attempt(patch)
      if (Option.isSome(reply)) return reply.value
    }
    return yield* Effect.fail(Refusals.contended(MAX_TRIES))
  })

  return (patch: Patch) => turns(patch.key)(attempts(patch))
}
