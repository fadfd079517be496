/** The entries: requests in, the cache asked, replies out. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Cache } from "../cache/Cache.ts"
import { L1 } from "../cache/L1.ts"
import { Listings } from "../cache/Listings.ts"
import * as CacheState from "../core/CacheState.ts"
import * as Condition from "../core/Condition.ts"
import { type Expiry, keep, never, after, Store, type WriteError } from "../store/Store.ts"
import { Api } from "./api/Api.ts"
import { NewEntry } from "./api/Entries.ts"
import { DEFAULT_PAGE, type Ttl } from "./api/Fields.ts"
import * as Problems from "./api/Problems.ts"
import * as Body from "./Body.ts"
import * as Conditions from "./Conditions.ts"
import * as PatchEntry from "./PatchEntry.ts"
import * as Permission from "./Permission.ts"
import * as ReadEntry from "./ReadEntry.ts"
import * as ValueReply from "./ValueReply.ts"
import * as SchemaProblems from "./SchemaProblems.ts"
import * as Refusals from "./Refusals.ts"

export interface Options extends ValueReply.Options {
  readonly maxValueBytes: number
  /** Changes without a condition are refused. Default: they are not. */
  readonly requireConditions?: boolean
}

/** What a JSON body may cost around its value: the key, escaped, and the names. */
const JSON_OVERHEAD_BYTES = 16_384

const expiryOf = (ttl: Ttl | undefined, otherwise: Expiry = never): Expiry =>
  ttl === undefined ? otherwise : ttl._tag === "Keep" ? keep : after(ttl.millis)

/** 201 has no body, and says so: without a length it would go out chunked. */
const created = (key: string, etag: string) =>
  HttpServerResponse.empty({
    status: 201,
    headers: { etag, location: `/entries/${encodeURIComponent(key)}`, "content-length": "0" },
  })

const MAX_RECEIVED = 100

/** What came under a name of the body. */
const receivedAt = (body: unknown, path: string): { readonly received?: string } =>
  Predicate.hasProperty(body, path) ? { received: JSON.stringify(body[path]).slice(0, MAX_RECEIVED) } : {}

const invalidBody = (body: unknown) => (error: Schema.SchemaError) => {
  const { message, path } = SchemaProblems.firstIssue(error)
  return new Problems.InvalidRequest({
    parameter: path || "body",
    ...receivedAt(body, path),
    detail: `${path || "the body"}: ${message}`,
  })
}

/** A part of a value cannot be put (RFC 9110 section 14.5). */
const whole = (request: HttpServerRequest) => {
  const range = request.headers["content-range"]
  return range === undefined
    ? Effect.void
    : Effect.fail(
        new Problems.InvalidRequest({
          parameter: "Content-Range",
          received: range.slice(0, MAX_RECEIVED),
          detail: "a value is sent as a whole: Content-Range is not taken",
        }),
      )
}

const ofChange = (error: WriteError) =>
  error._tag === "ConditionFailed" ? Refusals.ofCondition(error) : Refusals.ofWrite(error)

const utf8 = new TextEncoder()

export const layer = (options: Options) =>
  HttpApiBuilder.group(
    Api,
    "entries",
    Effect.fnUntraced(function* (handlers) {
      const cache = yield* Cache
      const l1 = yield* L1
      const listings = yield* Listings
      const store = yield* Store
      const clock = yield* Clock.Clock
      const decodeNewEntry = Schema.decodeUnknownEffect(NewEntry, { onExcessProperty: "error" })

      const read = ReadEntry.make(cache, ValueReply.termsOf(clock, options))
      const patch = PatchEntry.make({ cache, store, maxValueBytes: options.maxValueBytes })
      const conditionOf = (headers: Conditions.Headers) =>
        Effect.fromResult(Conditions.ofChange(headers, options.requireConditions === true))

      return handlers
        .handle("getEntry", ({ headers, params }) => read(params.key, headers))
        .handle("headEntry", ({ headers, params }) => read(params.key, headers))
        .handleRaw(
          "putEntry",
          Effect.fnUntraced(function* ({ headers, params, query, request }) {
            yield* whole(request)
            const condition = yield* conditionOf(headers)
            const bytes = yield* Body.value(request, options.maxValueBytes)
            const written = yield* cache
              .put(params.key, bytes, { condition, expiry: expiryOf(query.ttl) })
              .pipe(Effect.mapError(ofChange))
            const etag = Conditions.quote(written.etag)
            return written.created
              ? created(params.key, etag)
              : HttpServerResponse.empty({ status: 204, headers: { etag } })
          }),
        )
        .handleRaw(
          "patchEntry",
          Effect.fnUntraced(function* ({ headers, params, query, request }) {
            yield* whole(request)
            const condition = yield* conditionOf(headers)
            const body = yield* PatchEntry.bodyOf(request, options.maxValueBytes)
            return yield* patch({
              key: params.key,
              patch: body,
              condition,
              expiry: expiryOf(query.ttl, keep),
            })
          }),
        )
        .handle(
          "deleteEntry",
          Effect.fnUntraced(function* ({ headers, params }) {
            const condition = yield* conditionOf(headers)
            const removed = yield* cache.remove(params.key, { condition }).pipe(
              Effect.catch((error) =>
                // A condition on what is not there does not matter (RFC 9110 section 13.2.1): it is a 404.
                error._tag === "ConditionFailed" && Option.isNone(error.current)
                  ? Effect.succeed(false)
                  : Effect.fail(ofChange(error)),
              ),
            )
            if (!removed) {
              return yield* new Problems.EntryNotFound({ detail: "the store has no value under this key" })
            }
          }),
        )
        .handleRaw(
          "createEntry",
          Effect.fnUntraced(function* ({ request }) {
            if (request.url.includes("?")) {
              return yield* new Problems.InvalidRequest({
                parameter: "query",
                received: request.url.slice(request.url.indexOf("?"), MAX_RECEIVED),
                detail: "POST /entries takes no query: ttl belongs into the body",
              })
            }
            const body = yield* Body.json(request, options.maxValueBytes + JSON_OVERHEAD_BYTES)
            const { key, ttl, value } = yield* Effect.mapError(decodeNewEntry(body), invalidBody(body))
            yield* Permission.touch(key)
            const bytes = utf8.encode(JSON.stringify(value))
            if (bytes.byteLength > options.maxValueBytes) {
              return yield* new Problems.ValueTooLarge({
                maxBytes: options.maxValueBytes,
                detail: `the value must be at most ${options.maxValueBytes} bytes`,
              })
            }
            const written = yield* cache
              .put(key, bytes, { condition: Condition.ifAbsent, expiry: expiryOf(ttl) })
              .pipe(
                Effect.mapError((error) =>
                  error._tag === "ConditionFailed"
                    ? new Problems.EntryExists({ detail: "use PUT to replace it" })
                    : Refusals.ofWrite(error),
                ),
              )
            return created(key, Conditions.quote(written.etag))
          }),
        )
        .handle(
          "listEntries",
          Effect.fnUntraced(function* ({ query: { cursor, limit, prefix, source } }) {
            const list = source === "l1" ? listings.page : store.list
            const page = yield* list({
              prefix: prefix ?? "",
              limit: limit ?? DEFAULT_PAGE,
              cursor: Option.fromUndefinedOr(cursor),
            }).pipe(Effect.mapError(Refusals.ofListing))
            const state = l1.current()
            const now = l1.now()
            const isHeld = (key: string) => CacheState.peek(state, key, now)?.value !== undefined
            return {
              entries: page.keys.map(({ key, size, ttlMillis }) => ({
                key,
                size,
                ttlMillis: ttlMillis === Infinity ? null : Math.max(0, Math.round(ttlMillis)),
                tier: source === "l1" || isHeld(key) ? ("l1" as const) : ("store" as const),
              })),
              cursor: Option.getOrNull(page.cursor),
              skipped: page.skipped,
            }
          }),
        )
    }),
  )
