/** The whole contract: from it come the routes, the document, Swagger UI and the typed client. */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "./Access.ts"
import { EntriesGroup } from "./Entries.ts"
import { EventsGroup } from "./Events.ts"
import { ExplainGroup } from "./Explain.ts"
import { OperationsGroup } from "./Operations.ts"
import * as Documented from "./Documented.ts"
import {
  BusyResponse,
  ForbiddenResponse,
  InternalError,
  InvalidRequest,
  RateLimitedResponse,
  UnauthorizedResponse,
} from "./Problems.ts"

/** Turns what the schemas refuse into the problems of this API. */
export class SchemaProblems extends HttpApiMiddleware.Service<SchemaProblems>()(
  "cache-mechanism/http/api/SchemaProblems",
  { error: [InvalidRequest, InternalError] },
) {}

/** Asks whether the caller may, before every operation; what it asks for is declared with `Access.needs`. */
export class Permission extends HttpApiMiddleware.Service<Permission>()(
  "cache-mechanism/http/api/Permission",
  { error: [UnauthorizedResponse, ForbiddenResponse, RateLimitedResponse, BusyResponse] },
) {}

export class Api extends HttpApi.make("cache-mechanism")
  .add(EntriesGroup)
  .add(EventsGroup)
  .add(ExplainGroup)
  .add(OperationsGroup)
  .middleware(SchemaProblems)
  .middleware(Permission)
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "cache-mechanism",
      version: "0.1.0",
      description:
        "A near cache for Redis over HTTP. Errors are RFC 9457 problem details; their types are listed under /docs/problems.",
      servers: [{ url: "/" }],
      transform: (document) => Documented.tidy(document, needsOf, false),
    }),
  ) {}

/** An operation, and what it asks of its caller. */
export interface Operation {
  readonly method: string
  /** As the document has it: `/entries/{key}`. */
  readonly pattern: string
  readonly needs: Access.Needs
}

/** All operations of the contract. */
export const operations = (): ReadonlyArray<Operation> => {
  const all: Array<Operation> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { method, path }, mergedAnnotations: annotations }) => {
      all.push({
        method,
        pattern: path.replace(/:([a-z]+)/gi, "{$1}"),
        needs: Access.of({ method, path, annotations }),
      })
    },
  })
  return all
}

const needsOf = (method: string, path: string): Access.Needs | undefined =>
  operations().find((operation) => operation.method === method && operation.pattern === path)?.needs

/** The contract of a server that has tokens: its document says that one is required. */
export const withTokens = Api.annotateMerge(
  OpenApi.annotations({ transform: (document) => Documented.tidy(document, needsOf, true) }),
)
