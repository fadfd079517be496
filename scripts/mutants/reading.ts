/** Wrong changes to what a reader accepts, and to what a merge does. */
import { inFile, type Mutant } from "./Mutant.ts"

const freshness = inFile("core/Freshness.ts", "core/Freshness")
const merge = inFile("core/MergePatch.ts", "core/MergePatch")
const fill = inFile("core/Fill.ts", "core/Fill", "cache/Reads")
const state = inFile("core/CacheState.ts", "core/CacheState.trust")
const reads = inFile("cache/Reads.ts", "cache/Reads")

export const mutants: ReadonlyArray<Mutant> = [
  freshness("no-cache takes no copy", `self.noCache !== true && self.noStore`, `self.noStore`),
  freshness("no-store takes no copy", ` && self.noStore !== true && isAccepted`, ` && isAccepted`),
  freshness("only-if-cached does not ask", `self.onlyIfCached === true ? "refuse" : "ask"`, `"ask"`),
  freshness("a stale copy is called stale", `now < copy.freshUntil ? "fresh" : "stale"`, `"fresh"`),
  freshness("max-age binds", `now - copy.confirmedAt <= (self.maxAgeMillis ?? Infinity) &&`, `true &&`),
  freshness("min-fresh binds", `copy.freshUntil - now >= (self.minFreshMillis ?? -Infinity) &&`, `true &&`),
  freshness("max-stale is asked for", `self.maxStaleMillis ?? 0`, `self.maxStaleMillis ?? Infinity`),
  freshness("staleness has a bound", `now - copy.freshUntil <= staleMillis`, `true`),
  freshness("0 is no staleness at all", `staleMillis > 0 && `, ``),
  freshness(
    "an error brings no copy out for no-cache",
    `if (self.noCache === true || self.noStore === true) return false`,
    ``,
  ),
  freshness("stale-if-error bounds", `return isWithin(copy, self.staleIfErrorMillis, now)`, `return true`),
  freshness("limits hold on errors", `hasLimit(self) ? isAccepted(self, copy, now) : true`, `true`),

  merge("what is no object replaces", `if (!isObject(patch)) return patch`, ``),
  merge("null removes", `if (value === null) delete merged[name]`, `if (false) delete merged[name]`),
  merge("members that are not named stay", `if (isObject(target)) {`, `if (false) {`),
  merge("names are data", `Object.create(null)`, `{}`),
  merge("it goes down", `merge(merged[name], value)`, `value`),

  fill(
    "a read anew takes the place",
    `=> {\n  const [token, next] = register(self, key, "read")`,
    `=> {\n  const [token, next] = [register(self, key, "read")[0], self]`,
  ),

  state("the tracker's word ends", `  now < self.assuredUntil &&\n`, ``),
  state("past its word nothing is fresh", `now >= self.assuredUntil || entry`, `entry`),
  state(
    "a suspect copy is not fresh",
    `now >= self.assuredUntil || entry.confirmedAt < self.trustedSince`,
    `now >= self.assuredUntil`,
  ),
  state(
    "an untold copy is fresh shortly",
    `: Math.min(entry.freshUntil, entry.confirmedAt + self.trustedForMillis)`,
    `: entry.freshUntil`,
  ),
  state(
    "live again, its word is good",
    `trustedForMillis: forMillis,\n  assuredUntil: Infinity,`,
    `trustedForMillis: forMillis,`,
  ),

  reads("no-cache joins nobody", `flights.loadOne(key, freshness.noCache)`, `flights.loadOne(key)`),
  reads(
    "an answer that is too old is asked for again",
    `          : flights.loadOne(key, true),`,
    `          : Effect.succeed(loaded),`,
  ),
  reads("no-store leaves L1 alone", `freshness.noStore === true ? pass(key, because) :`, ``),
  reads(
    "a failing store does not undo what was asked",
    `if (!Freshness.acceptsOnError(freshness, copy, at)) return Result.fail(error)`,
    ``,
  ),
]
