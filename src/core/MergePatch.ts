/**
 * JSON merge patch, RFC 7396 section 2: an object changes the members that it names, `null` removes one, and
 * anything else takes the place of what was there.
 *
 * Objects come out without a prototype, so that a member called `__proto__` is a member like any other.
 */

type JsonObject = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The value after the patch. Both are what `JSON.parse` returns; neither is changed. */
export const merge = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = Object.create(null)
  if (isObject(target)) {
    for (const [name, value] of Object.entries(target)) merged[name] = value
  }
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = merge(merged[name], value)
  }
  return merged
}
