/**
 * Every error that the API answers with, as RFC 9457 problem details: one `type` each, with the members that
 * a program needs. `/docs/problems` is printed from this list.
 */
import * as Schema from "effect/Schema"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { SCOPES } from "./Access.ts"

/** Where the types of problems are documented. */
export const PATH = "/docs/problems"

/** Something in the request is not acceptable. Nothing was changed. */
export class InvalidRequest extends HttpApiError.Problem<InvalidRequest>()(
  "InvalidRequest",
  { type: "/docs/problems/invalid-request", status: 400, title: "The request is not acceptable" },
  {
    /** Which part: `key`, `ttl`, `body` … */
    parameter: Schema.String,
    /** What came, shortened. */
    received: Schema.optionalKey(Schema.String),
  },
) {}

/** Tokens are needed here, and none or an unknown one came. */
export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("UnauthorizedProblem", {
  type: "/docs/problems/unauthorized",
  status: 401,
  title: "A token is needed",
}) {}

export class InsufficientScope extends HttpApiError.Problem<InsufficientScope>()(
  "InsufficientScopeProblem",
  {
    type: "/docs/problems/insufficient-scope",
    status: 403,
    title: "The token is not good for this operation",
  },
  {
    /** The scope that is missing. */
    scope: Schema.Literals(SCOPES),
  },
) {}

export class KeyNotAllowed extends HttpApiError.Problem<KeyNotAllowed>()("KeyNotAllowedProblem", {
  type: "/docs/problems/key-not-allowed",
  status: 403,
  title: "The token does not cover these keys",
}) {}

/** Without tokens only this machine is served, and what pages of other sites send through its browser is not. */
export class ForeignRequest extends HttpApiError.Problem<ForeignRequest>()(
  "ForeignRequestProblem",
  {
    type: "/docs/problems/foreign-request",
    status: 403,
    title: "Without tokens only requests of this machine are answered",
  },
  {
    /** The header that gives it away: `Host` or `Origin`. */
    parameter: Schema.Literals(["Host", "Origin"]),
  },
) {}

export class RateLimited extends HttpApiError.Problem<RateLimited>()("RateLimitedProblem", {
  type: "/docs/problems/rate-limited",
  status: 429,
  title: "Too many requests",
}) {}

export class Overloaded extends HttpApiError.Problem<Overloaded>()(
  "OverloadedProblem",
  { type: "/docs/problems/overloaded", status: 503, title: "As many requests are under way as may" },
  { max: Schema.Int },
) {}

/** What the request was to do may have happened. */
export class RequestTimeout extends HttpApiError.Problem<RequestTimeout>()("RequestTimeoutProblem", {
  type: "/docs/problems/request-timeout",
  status: 503,
  title: "The request took longer than it may",
}) {}

export class UriTooLong extends HttpApiError.Problem<UriTooLong>()(
  "UriTooLongProblem",
  { type: "/docs/problems/uri-too-long", status: 414, title: "The URL is longer than allowed" },
  { maxLength: Schema.Int },
) {}

export class EntryNotFound extends HttpApiError.Problem<EntryNotFound>()("EntryNotFound", {
  type: "/docs/problems/entry-not-found",
  status: 404,
  title: "No value under this key",
}) {}

export class EntryExists extends HttpApiError.Problem<EntryExists>()("EntryExists", {
  type: "/docs/problems/entry-exists",
  status: 409,
  title: "The key has a value already",
}) {}

export class WrongType extends HttpApiError.Problem<WrongType>()("WrongTypeProblem", {
  type: "/docs/problems/wrong-type",
  status: 409,
  title: "The key holds something that is not a string of bytes",
}) {}

export class BackupRunning extends HttpApiError.Problem<BackupRunning>()("BackupRunningProblem", {
  type: "/docs/problems/backup-running",
  status: 409,
  title: "A backup is under way",
}) {}

/** The listing that a cursor belongs to is not held any more. */
export class CursorExpired extends HttpApiError.Problem<CursorExpired>()("CursorExpiredProblem", {
  type: "/docs/problems/cursor-expired",
  status: 410,
  title: "The listing that this cursor goes on with has ended",
}) {}

export class PreconditionFailed extends HttpApiError.Problem<PreconditionFailed>()(
  "PreconditionFailed",
  {
    type: "/docs/problems/precondition-failed",
    status: 412,
    title: "The store holds something else than the condition asks for",
  },
  {
    /** The entity tag of what the store holds, as in `ETag`; absent when it holds nothing. */
    current: Schema.optionalKey(Schema.String),
  },
) {}

export class PreconditionRequired extends HttpApiError.Problem<PreconditionRequired>()(
  "PreconditionRequired",
  {
    type: "/docs/problems/precondition-required",
    status: 428,
    title: "A change must say what it expects to change",
  },
) {}

/** The value is not JSON, or has numbers that would not survive being read and written. */
export class NotMergeable extends HttpApiError.Problem<NotMergeable>()("NotMergeable", {
  type: "/docs/problems/not-mergeable",
  status: 409,
  title: "The value is not JSON that can be merged without loss",
}) {}

/** Nothing was changed. */
export class Contended extends HttpApiError.Problem<Contended>()("Contended", {
  type: "/docs/problems/contended",
  status: 503,
  title: "Others changed the value each time before the merge was written",
}) {}

/** Asked for with `only-if-cached`. */
export class NotCached extends HttpApiError.Problem<NotCached>()("NotCachedProblem", {
  type: "/docs/problems/not-cached",
  status: 504,
  title: "L1 has no copy that will do, and the store must not be asked",
}) {}

export class ValueTooLarge extends HttpApiError.Problem<ValueTooLarge>()(
  "ValueTooLarge",
  { type: "/docs/problems/value-too-large", status: 413, title: "The body is larger than allowed" },
  {
    /** The bound, in bytes. */
    maxBytes: Schema.Int,
  },
) {}

export class UnsupportedMediaType extends HttpApiError.Problem<UnsupportedMediaType>()(
  "UnsupportedMediaType",
  {
    type: "/docs/problems/unsupported-media-type",
    status: 415,
    title: "The body comes in a form that is not taken",
  },
) {}

/** Nothing was changed. */
export class StoreUnavailable extends HttpApiError.Problem<StoreUnavailable>()("StoreUnavailableProblem", {
  type: "/docs/problems/store-unavailable",
  status: 503,
  title: "The store does not answer",
}) {}

/** The write may have happened, may happen yet, or never. */
export class OutcomeUnknown extends HttpApiError.Problem<OutcomeUnknown>()("OutcomeUnknownProblem", {
  type: "/docs/problems/outcome-unknown",
  status: 503,
  title: "The write was sent and no answer came",
}) {}

export class TooManySubscribers extends HttpApiError.Problem<TooManySubscribers>()(
  "TooManySubscribersProblem",
  {
    type: "/docs/problems/too-many-subscribers",
    status: 503,
    title: "As many listen as may",
  },
  { max: Schema.Int },
) {}

export class OutOfMemory extends HttpApiError.Problem<OutOfMemory>()("OutOfMemoryProblem", {
  type: "/docs/problems/out-of-memory",
  status: 507,
  title: "The store has no room",
}) {}

/** Documented like the others, but outside the document of operations: any path can answer with them. */
export class PathNotFound extends HttpApiError.Problem<PathNotFound>()("PathNotFound", {
  type: "/docs/problems/path-not-found",
  status: 404,
  title: "Nothing is served under this path",
}) {}

export class MethodNotAllowed extends HttpApiError.Problem<MethodNotAllowed>()(
  "MethodNotAllowed",
  { type: "/docs/problems/method-not-allowed", status: 405, title: "The path does not take this method" },
  { allow: Schema.Array(Schema.String) },
) {}

/** A defect of this program. The log has more under the same id. */
export class InternalError extends HttpApiError.Problem<InternalError>()(
  "InternalError",
  { type: "/docs/problems/internal-error", status: 500, title: "Something went wrong here" },
  { id: Schema.String },
) {}

/** Seconds after which trying again makes sense. */
export const RETRY_AFTER = "1"

const retryAfter = { "retry-after": Schema.Literal(RETRY_AFTER) }

/** A read that finds nothing says how it knows. */
export const EntryNotFoundOnRead = HttpApiSchema.WithHeaders(EntryNotFound, { "cache-status": Schema.String })

/** The 503 of an operation that reads, with its `Retry-After`. */
export const StoreUnavailableResponse = HttpApiSchema.WithHeaders(StoreUnavailable, retryAfter)

export const TooManySubscribersResponse = HttpApiSchema.WithHeaders(TooManySubscribers, retryAfter)

/** The 503s of an operation that writes: one status, so one declaration. */
export const WriteUnavailableResponse = HttpApiSchema.WithHeaders(
  Schema.Union([StoreUnavailable, OutcomeUnknown]).annotate({
    httpApiStatus: 503,
    "~httpApiEncoding": { _tag: "Json", contentType: "application/problem+json" },
  }),
  retryAfter,
)

/** The same, and that of a merge which others overtook too often. */
export const MergeUnavailableResponse = HttpApiSchema.WithHeaders(
  Schema.Union([StoreUnavailable, OutcomeUnknown, Contended]).annotate({
    httpApiStatus: 503,
    "~httpApiEncoding": { _tag: "Json", contentType: "application/problem+json" },
  }),
  retryAfter,
)

export const NotCachedResponse = HttpApiSchema.WithHeaders(NotCached, { "cache-status": Schema.String })

/** What a PATCH takes: RFC 5789 wants it named when something else came. */
export const PATCH_TYPE = "application/merge-patch+json"

export const PatchTypeResponse = HttpApiSchema.WithHeaders(UnsupportedMediaType, {
  "accept-patch": Schema.Literal(PATCH_TYPE),
})

/** A 412 carries the current entity tag, if there is a value. */
export const PreconditionFailedResponse = HttpApiSchema.WithHeaders(PreconditionFailed, {
  etag: Schema.optionalKey(Schema.String),
})

/** A 401 says how to get in (RFC 6750 section 3). */
export const UnauthorizedResponse = HttpApiSchema.WithHeaders(Unauthorized, {
  "www-authenticate": Schema.String,
})

/** The 403s: one status, so one declaration. Only a missing scope has a challenge. */
export const ForbiddenResponse = HttpApiSchema.WithHeaders(
  Schema.Union([InsufficientScope, KeyNotAllowed, ForeignRequest]).annotate({
    httpApiStatus: 403,
    "~httpApiEncoding": { _tag: "Json", contentType: "application/problem+json" },
  }),
  { "www-authenticate": Schema.optionalKey(Schema.String) },
)

export const RateLimitedResponse = HttpApiSchema.WithHeaders(RateLimited, { "retry-after": Schema.String })

/** The 503s of a server that has too much to do, whatever the operation. */
export const BusyResponse = HttpApiSchema.WithHeaders(
  Schema.Union([Overloaded, RequestTimeout]).annotate({
    httpApiStatus: 503,
    "~httpApiEncoding": { _tag: "Json", contentType: "application/problem+json" },
  }),
  retryAfter,
)
