/** The whole contract: from it come the routes, the document, Swagger UI and the typed client. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as OpenApi from "effect/http-api/OpenApi"
import { EntriesGroup } from "./Entries.ts"
import { EventsGroup } from "./Events.ts"
import { ExplainGroup } from "./Explain.ts"
import { OperationsGroup } from "./Operations.ts"
import { InternalError, InvalidRequest } from "./Problems.ts"

/**
 * The document as people read it: schemas by their own names (`Stats`, not `StatsEncoded`), and no security
 * schemes while there are none.
 */
const tidy = (document: Record<string, unknown>): Record<string, unknown> => {
  const renamed = JSON.stringify(document, (name, value: unknown) =>
    name === "security" || name === "securitySchemes" ? undefined : value,
  )
  const tidied = JSON.parse(
    renamed.replace(/"(#\/components\/schemas\/)?(\w+?)(Problem)?Encoded"/g, '"$1$2"'),
  )
  const license = { name: "MIT", identifier: "MIT" }
  return { ...tidied, info: { ...tidied.info, license }, security: [] }
}

/** Turns what the schemas refuse into the problems of this API. */
export class SchemaProblems extends HttpApiMiddleware.Service<SchemaProblems>()(
  "cache-mechanism/http/api/SchemaProblems",
  { error: [InvalidRequest, InternalError] },
) {}

export class Api extends HttpApi.make("cache-mechanism")
  .add(EntriesGroup)
  .add(EventsGroup)
  .add(ExplainGroup)
  .add(OperationsGroup)
  .middleware(SchemaProblems)
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "cache-mechanism",
      version: "0.1.0",
      description:
        "A near cache for Redis over HTTP. Errors are RFC 9457 problem details; their types are listed under /docs/problems.",
      servers: [{ url: "/" }],
      transform: tidy,
    }),
  ) {}
