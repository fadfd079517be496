/** The entries: an HTTP-native key-value resource. The body is the value, the headers are its metadata. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "./Access.ts"
import { DEFAULT_PAGE, Key, MAX_PAGE, TtlFromText } from "./Fields.ts"
import * as Problems from "./Problems.ts"

const etag = Schema.String.annotate({
  description: "strong: the SHA-1 of the value's bytes",
  examples: ['"a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"'],
})

const readHeaders = {
  "accept-ranges": Schema.Literal("none"),
  etag,
  age: Schema.String.annotate({ description: "seconds since the value came from the store" }),
  "cache-control": Schema.String.annotate({
    description: "for caches downstream: to ask again each time, unless the operator lets them do more",
    examples: ["private, no-cache"],
  }),
  "cache-status": Schema.String.annotate({
    description: "RFC 9211: whether L1 had it, and what was done",
    examples: [
      "cache-mechanism; hit; ttl=271",
      "cache-mechanism; fwd=uri-miss; stored",
      "cache-mechanism; hit; ttl=-12; detail=store-unavailable",
    ],
  }),
  expires: Schema.optionalKey(Schema.String).annotate({ description: "when the store forgets the value" }),
  "x-content-type-options": Schema.Literal("nosniff"),
}

/** The bytes of a value, whatever their media type: a client gets them as bytes. */
const Value = HttpApiSchema.WithHeaders(
  Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "application/octet-stream" })).annotate({
    description: "the value",
  }),
  readHeaders,
)

/** The document tells the three media types apart; to the codec above all are bytes. */
const describeBodies = (operation: Record<string, unknown>): Record<string, unknown> => {
  const { responses } = operation
  if (!Predicate.hasProperty(responses, "200") || !Predicate.isObject(responses[200])) return operation
  const content = {
    "application/json": { schema: {} },
    "text/plain": { schema: { type: "string" } },
    "application/octet-stream": { schema: { type: "string", format: "binary" } },
  }
  return { ...operation, responses: { ...responses, "200": { ...responses[200], content } } }
}

const NotModified = HttpApiSchema.WithHeaders(
  HttpApiSchema.Empty(304).annotate({ description: "the client has this value" }),
  readHeaders,
)

const conditions = {
  "if-match": Schema.optionalKey(Schema.String).annotate({
    description: 'entity tags, or `*` for "if it exists"',
  }),
  "if-none-match": Schema.optionalKey(Schema.String).annotate({
    description: 'entity tags, or `*` for "if it does not exist"',
  }),
}

/** What a reader may ask with. `Range`, `If-Range` and conditions on dates are ignored, as RFC 9110 has it. */
const readRequest = {
  ...conditions,
  "cache-control": Schema.optionalKey(Schema.String).annotate({
    description:
      "RFC 9111: `no-cache`, `no-store`, `max-age`, `min-fresh`, `max-stale`, `only-if-cached`, `stale-if-error`; all that are given hold. Others are ignored",
    examples: ["max-age=10", "max-stale=60, stale-if-error=600"],
  }),
  pragma: Schema.optionalKey(Schema.String).annotate({
    description: "`no-cache` counts when there is no `Cache-Control`",
  }),
}

const Created = HttpApiSchema.WithHeaders(HttpApiSchema.Empty(201).annotate({ description: "created" }), {
  etag,
  location: Schema.String,
})
const Replaced = HttpApiSchema.WithHeaders(HttpApiSchema.Empty(204).annotate({ description: "replaced" }), {
  etag,
})

const readErrors = [
  Problems.InvalidRequest,
  Problems.EntryNotFoundOnRead,
  Problems.WrongType,
  Problems.PreconditionFailedResponse,
  Problems.StoreUnavailableResponse,
  Problems.NotCachedResponse,
] as const

const writeErrors = [
  Problems.WrongType,
  Problems.PreconditionFailedResponse,
  Problems.PreconditionRequired,
  Problems.OutOfMemory,
] as const

const read = HttpApiEndpoint.get("getEntry", "/entries/:key", {
  params: { key: Key },
  headers: readRequest,
  success: [Value, NotModified],
  error: readErrors,
}).annotateMerge(
  OpenApi.annotations({
    identifier: "getEntry",
    summary: "Read a value",
    description:
      "A fresh copy from L1, else what the store says; `Cache-Control` asks for more or for less. A copy that L1 cannot be sure of (the tracker of writes is not live) counts as stale since the store confirmed it.",
    transform: describeBodies,
  }),
)

const head = HttpApiEndpoint.head("headEntry", "/entries/:key", {
  params: { key: Key },
  headers: readRequest,
  success: [
    HttpApiSchema.WithHeaders(
      HttpApiSchema.Empty(200).annotate({ description: "there is a value" }),
      readHeaders,
    ),
    NotModified,
  ],
  error: readErrors,
}).annotateMerge(OpenApi.annotations({ identifier: "headEntry", summary: "Read the headers of a value" }))

const put = HttpApiEndpoint.put("putEntry", "/entries/:key", {
  params: { key: Key },
  query: { ttl: Schema.optionalKey(TtlFromText) },
  headers: conditions,
  payload: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "*/*" })),
  success: [Created, Replaced],
  error: [
    ...writeErrors,
    Problems.InvalidRequest,
    Problems.ValueTooLarge,
    Problems.UnsupportedMediaType,
    Problems.WriteUnavailableResponse,
  ],
}).annotateMerge(
  OpenApi.annotations({
    identifier: "putEntry",
    summary: "Create or replace a value",
    description:
      "The body is stored as it is. With a JSON `Content-Type` it must be JSON. Acknowledged after the store acknowledged it.",
  }),
)

const Patched = HttpApiSchema.WithHeaders(
  Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "application/json" })).annotate({
    description: "the value after the merge",
  }),
  { etag, "content-location": Schema.String, "x-content-type-options": Schema.Literal("nosniff") },
)

const patch = HttpApiEndpoint.patch("patchEntry", "/entries/:key", {
  params: { key: Key },
  query: { ttl: Schema.optionalKey(TtlFromText) },
  headers: conditions,
  payload: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: Problems.PATCH_TYPE })),
  success: Patched,
  error: [
    ...writeErrors,
    Problems.InvalidRequest,
    Problems.EntryNotFound,
    Problems.NotMergeable,
    Problems.ValueTooLarge,
    Problems.PatchTypeResponse,
    Problems.MergeUnavailableResponse,
  ],
}).annotateMerge(
  OpenApi.annotations({
    identifier: "patchEntry",
    summary: "Change members of a JSON value",
    description:
      "RFC 7396: members that the patch names are set, those that it sets to null removed. Merged with what the store holds and written only over that, so that nothing is lost however many patch at once. Without `ttl` the expiry stays.",
  }),
)

const remove = HttpApiEndpoint.delete("deleteEntry", "/entries/:key", {
  params: { key: Key },
  headers: conditions,
  success: HttpApiSchema.Empty(204).annotate({ description: "removed" }),
  error: [...writeErrors, Problems.InvalidRequest, Problems.EntryNotFound, Problems.WriteUnavailableResponse],
}).annotateMerge(OpenApi.annotations({ identifier: "deleteEntry", summary: "Remove a value" }))

/** The body of `POST /entries`. */
export const NewEntry = Schema.Struct({
  key: Key,
  value: Schema.Json.annotate({ description: "stored as JSON text" }),
  ttl: Schema.optionalKey(TtlFromText),
}).annotate({ identifier: "NewEntry" })

const create = HttpApiEndpoint.post("createEntry", "/entries", {
  payload: NewEntry,
  success: Created,
  error: [
    Problems.InvalidRequest,
    Problems.ForbiddenResponse,
    Problems.EntryExists,
    Problems.WrongType,
    Problems.ValueTooLarge,
    Problems.UnsupportedMediaType,
    Problems.WriteUnavailableResponse,
    Problems.OutOfMemory,
  ],
})
  .annotateMerge(
    OpenApi.annotations({
      identifier: "createEntry",
      summary: "Create a JSON value under a key that has none",
    }),
  )
  .annotateMerge(Access.needs({ keys: "handler" }))

/** One line of a listing. */
export const ListedEntry = Schema.Struct({
  key: Schema.String,
  size: Schema.Int.annotate({ description: "bytes of the value" }),
  ttlMillis: Schema.NullOr(Schema.Int).annotate({
    description:
      "milliseconds until the store forgets it, with `source=l1` counted from the instant of the listing; null: never",
  }),
  tier: Schema.Literals(["l1", "store"]).annotate({ description: "`l1`: this process holds a copy" }),
}).annotate({ identifier: "ListedEntry" })

/** A page of a listing. */
export const EntryPage = Schema.Struct({
  entries: Schema.Array(ListedEntry),
  cursor: Schema.NullOr(Schema.String).annotate({
    description: "for the next page; null: this was the last. A page may be short or empty before the last",
  }),
  skipped: Schema.Int.annotate({
    description: "names in the store that are no entries (not UTF-8, not a string)",
  }),
}).annotate({ identifier: "EntryPage" })

const limit = Schema.String.check(Schema.isPattern(/^[0-9]{1,4}$/u))
  .annotate({
    description: `keys a page, 1 to ${MAX_PAGE}; ${DEFAULT_PAGE} when not given`,
    examples: [String(DEFAULT_PAGE)],
  })
  .pipe(
    Schema.decodeTo(
      Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: MAX_PAGE })),
    ),
  )

const list = HttpApiEndpoint.get("listEntries", "/entries", {
  query: {
    prefix: Schema.optionalKey(Schema.String.annotate({ description: "keys that begin with this" })),
    limit: Schema.optionalKey(limit),
    cursor: Schema.optionalKey(
      Schema.String.annotate({ description: "from the page before, of the same prefix and source" }),
    ),
    source: Schema.optionalKey(
      Schema.Literals(["store", "l1"]).annotate({
        description:
          "`store` (when not given): all keys, while others write; `l1`: what this process' memory held at the instant of the first page, page by page, whatever is written meanwhile. A listing of `l1` that nobody goes on with for 60 seconds ends, and earlier when more than 16 are under way: its cursor is then a 410",
      }),
    ),
  },
  success: EntryPage,
  error: [Problems.InvalidRequest, Problems.CursorExpired, Problems.StoreUnavailableResponse],
})
  .annotateMerge(
    OpenApi.annotations({
      identifier: "listEntries",
      summary: "List keys by prefix, page by page",
      description:
        "Of the store a key that is there from the first page to the last is listed at least once (Redis' SCAN promises no more). Of L1 all pages show one instant of this process: each key of that instant once, none of later; copies that are stale count, remembered absences do not.",
    }),
  )
  .annotateMerge(Access.needs({ keys: "prefix" }))

/** `GET`, `PUT`, `PATCH`, `DELETE` on an entry; `GET`, `POST` on all. */
export const EntriesGroup = HttpApiGroup.make("entries")
  .add(read, head, put, patch, remove, create, list)
  .annotateMerge(
    OpenApi.annotations({ title: "entries", description: "Values under keys, as the store holds them." }),
  )
