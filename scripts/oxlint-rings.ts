/**
 * The rings of `src/` as lint rules: who may import whom, where packages may enter, no `throw` in core and no
 * barrels.
 *
 * The linter's own `no-restricted-imports` lists what is forbidden, so each new folder or package would be
 * open until somebody remembers it; here everything is closed until it is named. It also does not see
 * `import("…").Type`. `test/rings.test.ts` keeps these rules honest.
 */
import * as Path from "node:path"
import type { RuleTester } from "oxlint/plugins-dev"

type Rule = Extract<Parameters<RuleTester["run"]>[1], { readonly create: unknown }>
type Context = Parameters<Rule["create"]>[0]
type Node = NonNullable<Parameters<Context["report"]>[0]["node"]>

const cache = ["core", "store", "cache"]
const edges = [...cache, "background", "http", "http/api"]

/** A file of `src/` that is in no folder is a ring of its own, called by its name. */
const mayImport = new Map<string, ReadonlyArray<string>>([
  ["core", ["core"]],
  ["store", ["core", "store"]],
  ["cache", cache],
  ["background", [...cache, "background"]],
  ["http/api", ["core", "http/api"]],
  ["http", edges],
  ["Config", edges],
  ["cli", [...edges, "cli", "Config"]],
  ["index", [...edges, "Config"]],
  ["app", [...edges, "cli", "Config"]],
  ["main", ["app"]],
])

/** Modules of `effect` that hold values and compute; none of them waits, draws, or asks what time it is. */
const pureModules = new Set(
  (
    "Array BigInt Boolean Brand Chunk Combiner Data Duration Equal Equivalence Function Hash HashMap HashRing " +
    "HashSet Iterable MutableHashMap MutableHashSet MutableList Newtype NonEmptyIterable Number Option Order " +
    "Ordering Pipeable Predicate Record Reducer RegExp Result Schema String Struct Trie Tuple Types"
  ).split(" "),
)

/** Packages that one ring keeps out. */
const mayUse = new Map<string, (specifier: string) => boolean>([
  [
    "core",
    (specifier) => specifier.startsWith("effect/") && pureModules.has(specifier.slice("effect/".length)),
  ],
  ["http/api", (specifier) => specifier.startsWith("effect/")],
])

/** Packages that only some files may know. */
const onlyIn: ReadonlyArray<readonly [specifier: RegExp, file: RegExp]> = [
  [/^ioredis(\/|$)/, /^store\/(RedisClient|\w+Redis)\.ts$/],
  [/^node:sqlite$/, /^store\/\w*Sqlite\w*\.ts$/],
  [/^(node:)?process$/, /^main\.ts$/],
]

const ringOf = (file: string) =>
  file.startsWith("http/api/")
    ? "http/api"
    : file.includes("/")
      ? file.slice(0, file.indexOf("/"))
      : file.replace(/\.ts$/, "")

/** The file's path from `src/`, or undefined when it is not in there. */
const inSrc = (context: Context) => {
  const file = Path.relative(Path.join(context.cwd, "src"), context.filename).replaceAll(Path.sep, "/")
  return file.startsWith("../") ? undefined : file
}

const complaint = (file: string, specifier: string): string | undefined => {
  const ring = ringOf(file)
  if (specifier.startsWith(".")) {
    const target = ringOf(Path.posix.join(Path.posix.dirname(file), specifier))
    const allowed = mayImport.get(ring) ?? []
    return allowed.includes(target)
      ? undefined
      : `${ring} may import ${allowed.join(", ") || "nothing"} from src: received ${target} (${specifier})`
  }
  if (mayUse.get(ring)?.(specifier) === false)
    return `${ring} stays free of this package: received ${specifier}`
  const closed = onlyIn.find(([packages]) => packages.test(specifier))
  return closed === undefined || closed[1].test(file)
    ? undefined
    : `only ${closed[1].source} may know this package: received ${specifier}`
}

const imports: Rule = {
  create: (context) => {
    const file = inSrc(context)
    if (file === undefined) return {}
    const check = (source: Node | null) => {
      if (source === null || !("value" in source) || typeof source.value !== "string") return
      const message = complaint(file, source.value)
      if (message !== undefined) context.report({ node: source, message })
    }
    return {
      ImportDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      TSImportType: (node) => check(node.source),
    }
  },
}

const noBarrel: Rule = {
  create: (context) => {
    const file = inSrc(context)
    if (file === undefined || file === "index.ts") return {}
    const message = "only src/index.ts passes on what other files export: import from the file itself"
    return {
      ExportAllDeclaration: (node) => context.report({ node, message }),
      ExportNamedDeclaration: (node) => {
        if (node.source !== null) context.report({ node, message })
      },
    }
  },
}

const noThrow: Rule = {
  create: (context) => {
    const file = inSrc(context)
    if (file === undefined || ringOf(file) !== "core") return {}
    return {
      ThrowStatement: (node) =>
        context.report({ node, message: "core is total: return an Option, a Result or an outcome" }),
    }
  },
}

export default { meta: { name: "rings" }, rules: { imports, "no-barrel": noBarrel, "no-throw": noThrow } }
