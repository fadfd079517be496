/** Why a read of a key is answered as it is: for operators. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "./Access.ts"
import { Key } from "./Fields.ts"
import * as Problems from "./Problems.ts"

/** The answer to `GET /entries/{key}/explain`. */
export const Explanation = Schema.Struct({
  key: Schema.String,
  tier: Schema.Literals(["l1", "store"]).annotate({
    description: "`l1`: this process holds the value; `store`: only the store does",
  }),
  holds: Schema.Literals(["value", "absence", "nothing"]).annotate({
    description: "what L1 holds: a value, the memory that the store had none, or nothing",
  }),
  read: Schema.Literals(["hit", "miss"]).annotate({ description: "what a plain read would be now" }),
  reason: Schema.Literals(["fresh", "stale", "suspect", "expired", "evicted", "not-held"]).annotate({
    description:
      "why: `fresh`: a hit; `stale`: past CACHE_TTL, within CACHE_GRACE; `suspect`: a write may have been missed since the store confirmed it; `expired`: past its grace or its expiry in the store; `evicted`: it left to make room; `not-held`: never asked for, written to since, or gone for longer than L1 remembers",
  }),
  isTrusted: Schema.NullOr(Schema.Boolean).annotate({
    description: "whether L1 would have heard of a write since; null: L1 holds nothing",
  }),
  ageMillis: Schema.NullOr(Schema.Int).annotate({ description: "since the store confirmed what L1 holds" }),
  freshMillis: Schema.NullOr(Schema.Int).annotate({
    description: "how long it stays fresh; negative: for how long it has not been",
  }),
  graceMillis: Schema.NullOr(Schema.Int).annotate({
    description: "how long it may be served when the store fails; negative: for how long it may not",
  }),
  storeTtlMillis: Schema.NullOr(Schema.Int).annotate({
    description: "until the store forgets the value, as far as is known here; null: never",
  }),
  weight: Schema.NullOr(Schema.Int).annotate({ description: "bytes of L1 that it takes, overhead included" }),
  size: Schema.Int.annotate({ description: "bytes of the value" }),
  etag: Schema.String,
  isAsked: Schema.Boolean.annotate({ description: "a question to the store about it is on its way" }),
  epoch: Schema.Int.annotate({
    description: "grows whenever everything in L1 became uncertain at once",
  }),
}).annotate({ identifier: "Explanation" })

const explain = HttpApiEndpoint.get("explainEntry", "/entries/:key/explain", {
  params: { key: Key },
  success: Explanation,
  error: [
    Problems.InvalidRequest,
    Problems.EntryNotFound,
    Problems.WrongType,
    Problems.StoreUnavailableResponse,
  ],
})
  .annotateMerge(
    OpenApi.annotations({
      identifier: "explainEntry",
      summary: "Why a read of this key is a hit or a miss",
      description:
        "Looks without counting a use or filling L1. When L1 holds no value, the store is asked; 404: it has none either.",
    }),
  )
  .annotateMerge(Access.needs({ scope: "admin" }))

/** What L1 knows of a key. */
export const ExplainGroup = HttpApiGroup.make("explain")
  .add(explain)
  .annotateMerge(OpenApi.annotations({ title: "explain", description: "Why a read is a hit or a miss." }))
