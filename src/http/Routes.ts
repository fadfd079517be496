/** What is served under which path, and who may ask for it: read from the contract, so nothing is forgotten here. */
import { operations } from "./api/Api.ts"
import type { Needs } from "./api/Access.ts"
import * as Problems from "./api/Problems.ts"

export interface Route {
  /** As the document has it: `/entries/{key}`. Names no key, so logs and metrics may show it. */
  readonly pattern: string
  /** The methods that it takes, sorted. */
  readonly allow: ReadonlyArray<string>
  /** Asked by probes. */
  readonly probe: boolean
  /** The methods whose replies last as long as they last. */
  readonly streams: ReadonlySet<string>
}

/** Paths outside the contract, read only and open to all. */
const PAGES: ReadonlyArray<string> = ["/docs", "/openapi.json", Problems.PATH, `${Problems.PATH}/{slug}`]

const PAGE: Needs = { scope: "open", keys: "none", streams: false, probe: false }

const byPattern = Map.groupBy(
  [...operations(), ...PAGES.map((pattern) => ({ method: "GET", pattern, needs: PAGE }))],
  ({ pattern }) => pattern,
)

const routes = Array.from(byPattern, ([pattern, of]) => {
  const methods = new Set([...of.map(({ method }) => method), "OPTIONS"])
  if (methods.has("GET")) methods.add("HEAD")
  const route: Route = {
    pattern,
    allow: [...methods].toSorted(),
    probe: of.every(({ needs }) => needs.probe),
    streams: new Set(of.filter(({ needs }) => needs.streams).map(({ method }) => method)),
  }
  return { regexp: new RegExp(`^${pattern.replaceAll(".", "\\.").replace(/\{[a-z]+\}/gi, "[^/]+")}$`), route }
})

/** All methods that some route takes. */
export const METHODS: ReadonlySet<string> = new Set(routes.flatMap(({ route }) => route.allow))

const probes: ReadonlySet<string> = new Set(
  routes.filter(({ route }) => route.probe).map(({ route }) => route.pattern),
)

export const isProbe = (path: string): boolean => probes.has(path)

/** The route of a path without its query. */
export const match = (path: string): Route | undefined =>
  routes.find(({ regexp }) => regexp.test(path))?.route

/** The path of a target in origin-form. */
export const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? url
