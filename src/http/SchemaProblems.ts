/** What the schemas of the contract refuse, as a problem that names the thing and what came. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import { SchemaProblems } from "./api/Api.ts"
import { InvalidRequest } from "./api/Problems.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const MAX_RECEIVED = 100

/** What a schema found wrong first: where (`a.b`; empty: the whole) and the sentence. */
export const firstIssue = (
  error: Schema.SchemaError,
): { readonly path: string; readonly message: string } => {
  const issue = format(error.issue).issues[0]
  const path = (issue?.path ?? []).map((segment) =>
    String(typeof segment === "object" ? segment.key : segment),
  )
  return { path: path.join("."), message: issue?.message ?? "not acceptable" }
}

type Part = string | ReadonlyArray<string> | undefined

/** What came for a parameter; nothing for one that was not sent. */
const receivedOf = (
  kind: HttpApiSchemaError["kind"],
  name: string,
): Effect.Effect<Part, never, HttpRouter.Provided> =>
  Effect.contextWith((context: Context.Context<HttpRouter.Provided>) => {
    const { headers } = Context.get(context, HttpServerRequest.HttpServerRequest)
    const { params } = Context.get(context, HttpRouter.RouteContext)
    const query = Context.get(context, HttpServerRequest.ParsedSearchParams)
    const parts: Readonly<Record<string, Part>> =
      kind === "Query" ? query : kind === "Headers" ? headers : params
    return Effect.succeed(Object.hasOwn(parts, name) ? parts[name] : undefined)
  })

/** A reply that does not fit its schema is our defect; all else is the request's fault. */
const isOurs = (error: HttpApiSchemaError): boolean =>
  error.kind === "Body" || error.kind === "ResponseHeaders"

export const layer = HttpApiMiddleware.layerSchemaErrorTransform(
  SchemaProblems,
  Effect.fnUntraced(function* (error: HttpApiSchemaError) {
    if (isOurs(error)) return yield* Effect.die(error.cause)
    const { message, path } = firstIssue(error.cause)
    const parameter = path.split(".", 1)[0] || error.kind.toLowerCase()
    const received = yield* receivedOf(error.kind, parameter)
    return yield* new InvalidRequest({
      parameter,
      ...(received === undefined ? {} : { received: String(received).slice(0, MAX_RECEIVED) }),
      detail: `${parameter}: ${message}`,
    })
  }),
)
