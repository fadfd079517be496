/** A strict reader of `Cache-Status` (RFC 9211), a list of RFC 9651 items of which we send exactly one. */
import { assert } from "@effect/vitest"

type Bare = string | number | true

export interface CacheStatus {
  readonly cache: string
  readonly parameters: Readonly<Record<string, Bare>>
}

const TOKEN = "[A-Za-z*][!#$%&'*+\\-.^_`|~0-9A-Za-z:/]*"
const KEY = "[a-z*][a-z0-9_\\-.*]*"
const INTEGER = "-?[0-9]{1,15}"
const ITEM = new RegExp(`^(${TOKEN})((?:; *${KEY}(?:=(?:${INTEGER}|${TOKEN}))?)*)$`)
const PARAMETER = new RegExp(`; *(${KEY})(?:=(?:(${INTEGER})|(${TOKEN})))?`, "g")

/** RFC 9211 section 2.2. */
const FORWARDED = ["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"]

export const parse = (header: unknown): CacheStatus => {
  const found = ITEM.exec(String(header))
  assert.isNotNull(found, `not an item: ${String(header)}`)
  const parameters: Record<string, Bare> = {}
  for (const [, name = "", integer, token] of (found?.[2] ?? "").matchAll(PARAMETER)) {
    assert.notProperty(parameters, name)
    parameters[name] = integer !== undefined ? Number(integer) : (token ?? true)
  }
  return { cache: found?.[1] ?? "", parameters }
}

/** The same, and that it says what the RFC lets a cache say. */
export const check = (header: unknown): CacheStatus => {
  const status = parse(header)
  const { collapsed, detail, fwd, hit, key, stored, ttl, ...rest } = status.parameters
  const shown = String(header)
  assert.strictEqual(status.cache, "cache-mechanism", shown)
  assert.isTrue(hit === undefined || (hit === true && fwd === undefined), shown)
  assert.isTrue(fwd === undefined || FORWARDED.includes(String(fwd)), shown)
  assert.isTrue(ttl === undefined || (typeof ttl === "number" && hit === true), shown)
  assert.isTrue((stored === undefined && collapsed === undefined) || fwd !== undefined, shown)
  assert.isTrue(detail === undefined || typeof detail === "string", shown)
  assert.strictEqual(key, undefined, shown)
  assert.deepStrictEqual(rest, {}, shown)
  return status
}
