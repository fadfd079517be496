/** The page that says what each type of problem means: every problem's `type` leads to it. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Problems from "./api/Problems.ts"
import * as Pages from "./Pages.ts"

/** Slug, status and meaning, in the order of the statuses. */
const meanings: ReadonlyArray<readonly [slug: string, status: number, meaning: string]> = [
  [
    "invalid-request",
    400,
    "Something in the request is not acceptable: `parameter` names it, `received` is what came, `detail` says what is accepted. Nothing was changed.",
  ],
  [
    "unauthorized",
    401,
    "The operation needs a token, as `Authorization: Bearer …`: none came, or one that is not known here.",
  ],
  [
    "insufficient-scope",
    403,
    "The token is known, but not good for this operation: `scope` is what it lacks. The document lists what each operation needs.",
  ],
  [
    "key-not-allowed",
    403,
    "The token covers keys under some prefixes only, and these are others. A listing and a feed need a `prefix` under one of them.",
  ],
  [
    "foreign-request",
    403,
    "The server has no tokens and answers only this machine: `Host`, or the `Origin` of a page in the browser, is another. `parameter` names it.",
  ],
  ["entry-not-found", 404, "There is no value under this key, or it has expired."],
  ["path-not-found", 404, "Nothing is served under this path: /docs lists what is."],
  ["method-not-allowed", 405, "The path does not take this method: `allow` lists those that it takes."],
  ["entry-exists", 409, "POST only creates, and the key has a value: use PUT to replace it."],
  [
    "wrong-type",
    409,
    "The key holds a list, a hash or another structure that is not a string of bytes. Nothing was changed.",
  ],
  [
    "not-mergeable",
    409,
    "PATCH merges JSON, and the value is not JSON, names a member twice, or has a number that would not survive being read and written. Nothing was changed.",
  ],
  ["backup-running", 409, "A backup is under way: its report will be under GET /backup."],
  [
    "cursor-expired",
    410,
    "The instant of L1 that this cursor goes on with is not held any more: no page of it was asked for within 60 seconds, other listings needed the room, or the process is another one. Begin again without a cursor.",
  ],
  [
    "precondition-failed",
    412,
    "If-Match or If-None-Match did not hold against what the store has: `current` is its entity tag. Nothing was changed.",
  ],
  ["value-too-large", 413, "The body is larger than `maxBytes`. Nothing was changed."],
  ["uri-too-long", 414, "The path and query have more than `maxLength` characters."],
  [
    "unsupported-media-type",
    415,
    "The body comes compressed, or as something else than the operation takes.",
  ],
  [
    "precondition-required",
    428,
    "The operator wants every change to carry If-Match or If-None-Match. Nothing was changed.",
  ],
  [
    "rate-limited",
    429,
    "More requests came with this token, or from this address without one, than RATE_LIMIT allows. Try again after `Retry-After`.",
  ],
  ["internal-error", 500, "A defect of this program: the log has more under the same `id`."],
  ["store-unavailable", 503, "The store did not answer. Nothing was changed. Try again after `Retry-After`."],
  [
    "outcome-unknown",
    503,
    "The write was sent and no answer came: it may have happened, may happen yet, or never. Read the key to know.",
  ],
  [
    "contended",
    503,
    "PATCH read the value, merged, and found it changed by others, again and again. Nothing was changed. Try again after `Retry-After`.",
  ],
  ["too-many-subscribers", 503, "As many listen to /events as may: `max`. Try again later."],
  [
    "overloaded",
    503,
    "As many requests are under way as may: `max`. Nothing was changed. Try again after `Retry-After`.",
  ],
  [
    "request-timeout",
    503,
    "The request took longer than it may. What it was to do may have happened, may happen yet, or never.",
  ],
  [
    "not-cached",
    504,
    "The request says only-if-cached, and L1 has no copy that the other directives of Cache-Control accept.",
  ],
  ["out-of-memory", 507, "The store has no room. Nothing was changed."],
]

const CODE = /`([^`]*)`/g

const page = (rows: typeof meanings): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Problems - cache-mechanism</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
dt{font-weight:600;margin-top:1rem}dd{margin:0}</style></head>
<body><h1>Problems</h1><p>Errors are RFC 9457 problem details (<code>application/problem+json</code>).
Their <code>type</code> is one of these. <a href="/docs">API</a></p><dl>${rows
  .map(
    ([slug, status, meaning]) =>
      `<dt id="${slug}"><a href="${Problems.PATH}/${slug}">${slug}</a> (${status})</dt><dd>${meaning.replace(CODE, "<code>$1</code>")}</dd>`,
  )
  .join("\n")}</dl></body></html>
`

/** `/docs/problems`, and one page under it per type. */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    yield* router.add("GET", Problems.PATH, Pages.html(page(meanings)))
    for (const row of meanings) {
      yield* router.add("GET", `${Problems.PATH}/${row[0]}`, Pages.html(page([row])))
    }
  }),
)

/** The slugs that have a page. */
export const slugs: ReadonlyArray<string> = meanings.map(([slug]) => slug)
