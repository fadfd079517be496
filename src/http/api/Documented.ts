/** What the generated document does not say by itself: who may call an operation, and shorter names of schemas. */
import * as Predicate from "effect/Predicate"
import type { Needs } from "./Access.ts"

type Json = Record<string, unknown>

const SCHEME = {
  type: "http",
  scheme: "bearer",
  description: "A token of TOKENS_FILE. The roles that an operation lists are the scopes that it needs.",
}

const RATE_HEADERS = {
  RateLimit: {
    description: "with RATE_LIMIT: what is left (`r`) and in how many seconds all of it is back (`t`)",
    schema: { type: "string", examples: ['"default";r=99;t=1'] },
  },
  "RateLimit-Policy": {
    description: "with RATE_LIMIT: so many requests (`q`) in so many seconds (`w`)",
    schema: { type: "string", examples: ['"default";q=100;w=1'] },
  },
}

/** What `needs` rule out of that which is declared for all operations. */
const impossible = ({ probe, scope, streams }: Needs): ReadonlySet<string> =>
  new Set([
    ...(scope === "open" ? ["Unauthorized", "InsufficientScope", "KeyNotAllowed"] : []),
    ...(probe ? ["RateLimited"] : []),
    ...(probe || streams ? ["Overloaded", "RequestTimeout"] : []),
  ])

const nameOf = (schema: unknown): string =>
  Predicate.hasProperty(schema, "$ref") ? String(schema.$ref).replace("#/components/schemas/", "") : ""

/** A body without those schemas; nothing when no schema is left. */
const bodyWithout = (body: unknown, names: ReadonlySet<string>): unknown => {
  if (!Predicate.hasProperty(body, "schema")) return body
  const { schema } = body
  if (!Predicate.hasProperty(schema, "anyOf") || !Array.isArray(schema.anyOf)) {
    return names.has(nameOf(schema)) ? undefined : body
  }
  const left = schema.anyOf.filter((one) => !names.has(nameOf(one)))
  return left.length === 0 ? undefined : { schema: left.length === 1 ? left[0] : { anyOf: left } }
}

const PROBLEM = "application/problem+json"

const responsesWithout = (responses: Json, names: ReadonlySet<string>): Json =>
  Object.fromEntries(
    Object.entries(responses).flatMap(([status, response]) => {
      if (!Predicate.isObject(response) || !Predicate.hasProperty(response, "content"))
        return [[status, response]]
      const { content } = response
      if (!Predicate.hasProperty(content, PROBLEM)) return [[status, response]]
      const body = bodyWithout(content[PROBLEM], names)
      return body === undefined ? [] : [[status, { ...response, content: { ...content, [PROBLEM]: body } }]]
    }),
  )

const mapValues = (of: Json, f: (value: Json, name: string) => unknown): Json =>
  Object.fromEntries(
    Object.entries(of).map(([name, value]) => [
      name,
      Predicate.isObject(value) ? f({ ...value }, name) : value,
    ]),
  )

const responsesOf = (responses: Json, needs: Needs): Json => {
  const possible = responsesWithout(responses, impossible(needs))
  if (needs.probe) return possible
  return mapValues(possible, ({ headers, ...response }) => ({
    ...response,
    headers: { ...(Predicate.isObject(headers) ? headers : {}), ...RATE_HEADERS },
  }))
}

/** `required`: this process has tokens; else a token is optional, and what it may depends on who runs the server. */
const securityOf = (needs: Needs, required: boolean): ReadonlyArray<Json> =>
  needs.scope === "open" ? [] : [...(required ? [] : [{}]), { bearer: [needs.scope] }]

/** The document as people read it: `Stats`, not `StatsEncoded`. */
export const tidy = (
  document: Json,
  needsOf: (method: string, path: string) => Needs | undefined,
  required: boolean,
): Json => {
  const renamed: Json = JSON.parse(
    JSON.stringify(document).replace(/"(#\/components\/schemas\/)?(\w+?)(Problem)?Encoded"/g, '"$1$2"'),
  )
  const paths = mapValues(Predicate.isObject(renamed["paths"]) ? { ...renamed["paths"] } : {}, (item, path) =>
    mapValues(item, (operation, method) => {
      const needs = needsOf(method.toUpperCase(), path)
      if (needs === undefined) return operation
      const responses = Predicate.isObject(operation["responses"]) ? { ...operation["responses"] } : {}
      return {
        ...operation,
        security: securityOf(needs, required),
        responses: responsesOf(responses, needs),
      }
    }),
  )
  const info = Predicate.isObject(renamed["info"]) ? renamed["info"] : {}
  const components = Predicate.isObject(renamed["components"]) ? renamed["components"] : {}
  return {
    ...renamed,
    info: { ...info, license: { name: "MIT", identifier: "MIT" } },
    paths,
    components: { ...components, securitySchemes: { bearer: SCHEME } },
    security: [],
  }
}
