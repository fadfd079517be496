/**
 * One wrong change per rule of `src/core`. The tests of the core must notice each of them: `mutants.ts` checks.
 *
 * A new rule in the core comes with a line here. `find` occurs exactly once in the file, and one of the named
 * tests catches what breaks.
 */
import { inFile, type Mutant } from "./Mutant.ts"
import { mutantsOfBuckets } from "./buckets.ts"
import { mutantsOfResidents } from "./residents.ts"

const fill = inFile("core/Fill.ts", "core/Fill", "core/CacheState")
const state = inFile("core/CacheState.ts", "core/CacheState", "core/Resync", "core/Eviction.bounds")
const entry = inFile("core/Entry.ts", "core/Entry")
const lifetime = inFile("core/Lifetime.ts", "core/Lifetime")
const condition = inFile("core/Condition.ts", "core/Condition")
const duration = inFile("core/DurationText.ts", "core/DurationText")
const bytes = inFile("core/BytesText.ts", "core/BytesText")
const snapshot = inFile("core/Snapshot.ts", "core/Snapshot")
const resync = inFile("core/Resync.ts", "core/Resync")

export const mutants: ReadonlyArray<Mutant> = [
  fill("a reader does not join a write", `standing?.purpose === "read"`, `standing !== undefined`),
  fill("a reader joins a reader", `standing?.purpose === "read"`, `standing === undefined`),
  fill("a key finds its own token", `if (token.key === key) return token`, `return token`),
  fill("a token leaves those of other keys alone", `before.filter((other) => other.key !== key)`, `[]`),
  fill("only this very token stands", `if (token.id === id) return token`, `return token`),
  fill("what ends is gone", `.filter((token) => token !== gone)`, ``),
  fill("others of its hash stay", `.filter((token) => token !== gone)`, `.slice(0, 0)`),
  fill(
    "one in the place of another is no more",
    `self.size + 1 + others.length - before.length`,
    `self.size + 1`,
  ),
  fill(
    "an invalidation withdraws the token",
    `const standing = find(self, key, hash)\n  return standing === undefined ? self : without(self, standing)`,
    `return self`,
  ),
  fill("withdrawing all leaves none", `self.size === 0 ? self :`, `true ? self :`),
  fill(
    "numbers go on after withdrawing all",
    `{ nextId: self.nextId, size: 0, standing: HashMap.empty() }`,
    `none`,
  ),
  fill("every token has its own number", `nextId: self.nextId + 1`, `nextId: self.nextId`),
  fill("the resync gives way", `if (isUnderWay(self, key, hash)) return [Option.none(), self]`, ``),
  fill(
    "a write replaces what stood",
    `register(self, key, hash, "write")`,
    `[register(self, key, hash, "write")[0], self]`,
  ),

  state(
    "only a standing token installs",
    `if (fills === self.fills) return dropped([[], self], "withdrawn")`,
    ``,
  ),
  state("a token is used once", `const open = { ...self, fills }`, `const open = self`),
  state(
    "an overtaken write forgets the key",
    `const [removed, forgotten] = invalidate(next, token.key)`,
    `const [removed, forgotten] = [[], next]`,
  ),
  state(
    "an overtaken write withdraws readers",
    `const [removed, forgotten] = invalidate(next, token.key)`,
    `const [removed, forgotten] = drop(next, token.key, "invalidated", token.hash)`,
  ),
  state(
    "an overtaken write reports what it removed",
    `removed: [...settled.removed, ...removed]`,
    `removed: settled.removed`,
  ),
  state(
    "a write forgets the copy before it is sent",
    `const [, forgotten] = drop(self, key, "invalidated")`,
    `const forgotten = self`,
  ),
  state(
    "an invalidation withdraws the question",
    `const fills = Fill.withdraw(next.fills, key)`,
    `const fills = next.fills`,
  ),
  state(
    "an invalidation removes the copy",
    `const [removed, next] = drop(self, key, "invalidated")`,
    `const [removed, next] = [[], self]`,
  ),
  state(
    "invalidating all withdraws all questions",
    `eviction: Eviction.clear(self.eviction),
      fills: Fill.withdrawAll(self.fills)`,
    `eviction: Eviction.clear(self.eviction),
      fills: self.fills`,
  ),
  state(
    "invalidating all begins an epoch",
    `epoch: self.epoch + 1,
      counts`,
    `epoch: self.epoch,
      counts`,
  ),
  state(
    "a loss withdraws all questions",
    `fills: Fill.withdrawAll(self.fills),
  trustedSince: Infinity`,
    `fills: self.fills,
  trustedSince: Infinity`,
  ),
  state(
    "a loss ends trust",
    `  trustedSince: Infinity,
  epoch`,
    `  epoch`,
  ),
  state(
    "being live again withdraws all questions",
    `fills: Fill.withdrawAll(self.fills),
  trustedSince: now`,
    `fills: self.fills,
  trustedSince: now`,
  ),
  state("being live again trusts nothing older", `trustedSince: now,`, `trustedSince: -Infinity,`),
  state("an untold copy is short-lived", `trustedForMillis: forMillis`, `trustedForMillis: Infinity`),
  state("trust begins with the question", `  entry.confirmedAt >= self.trustedSince &&\n`, ``),
  state("no answer enters while the tracker is lost", `if (self.trustedSince === Infinity)`, `if (false)`),
  state(
    "a contradicted copy leaves",
    `return same ? [[], self] : drop(self, answer.key, "invalidated")`,
    `return [[], self]`,
  ),
  state(
    "invalidating all is counted",
    `invalidated: self.counts.invalidated + removed`,
    `invalidated: self.counts.invalidated`,
  ),
  state(
    "the dead are not served",
    `return entry !== undefined && now < entry.deadAt ? entry : undefined`,
    `return entry`,
  ),
  state("dead at deadAt, not after", `now < entry.deadAt ? entry`, `now <= entry.deadAt ? entry`),
  state("what is too heavy is refused", `if (entry.weight > self.bounds.maxBytes) return "too-heavy"`, ``),
  state(
    "what fits exactly is not too heavy",
    `entry.weight > self.bounds.maxBytes`,
    `entry.weight >= self.bounds.maxBytes`,
  ),
  state("what is dead on arrival is refused", `if (entry.deadAt <= now) return "expired"`, ``),
  state("what dies this very instant is dead", `entry.deadAt <= now`, `entry.deadAt < now`),
  state("if-room evicts nobody", `admission === "if-room" &&`, `false &&`),
  state("only if-room is refused for room", `admission === "if-room" &&`, `true &&`),
  state(
    "a refused answer takes the older copy along",
    `return dropped(drop(open, entry.key, "replaced"), why)`,
    `return dropped([[], open], why)`,
  ),
  state(
    "a refused answer reports the copy it took along",
    `return dropped(drop(open, entry.key, "replaced"), why)`,
    `return dropped([[], drop(open, entry.key, "replaced")[1]], why)`,
  ),
  state(
    "dropped answers are counted",
    `fillsDropped: self.counts.fillsDropped + 1`,
    `fillsDropped: self.counts.fillsDropped`,
  ),
  state(
    "replaced entries are counted",
    `replaced: swept.counts.replaced + (old === undefined ? 0 : 1)`,
    `replaced: swept.counts.replaced`,
  ),
  state(
    "evicted entries are counted",
    `evicted: swept.counts.evicted + evicted.length`,
    `evicted: swept.counts.evicted`,
  ),
  state(
    "evicted entries are reported",
    `for (const gone of evicted) removed.push({ cause: "evicted", entry: gone })`,
    ``,
  ),
  state(
    "swept entries are reported",
    `const removed: Array<Removal> = [...expired]`,
    `const removed: Array<Removal> = []`,
  ),
  state(
    "an answer sweeps",
    `expire(self, now, SWEEP_PER_FILL, entry.key)`,
    `expire(self, now, 0, entry.key)`,
  ),
  state("an answer sweeps its part only", `const SWEEP_PER_FILL = 4`, `const SWEEP_PER_FILL = 5`),
  state(
    "a replaced entry is not swept as well",
    `expire(self, now, SWEEP_PER_FILL, entry.key)`,
    `expire(self, now, SWEEP_PER_FILL)`,
  ),
  state(
    "expiry keeps to its budget",
    `Eviction.expire(self.eviction, now, budget, except)`,
    `Eviction.expire(self.eviction, now, 1_000, except)`,
  ),
  state(
    "an answer that finds no room is not counted as one that entered",
    `fills: swept.counts.fills + (entered ? 1 : 0)`,
    `fills: swept.counts.fills + 1`,
  ),
  state(
    "an answer that finds no room says so",
    `return [entered ? { _tag: "Installed", removed } : { _tag: "Dropped", why: "no-room", removed }, next]`,
    `return [{ _tag: "Installed", removed }, next]`,
  ),
  state("who leaves is counted", `counts: { ...self.counts, [cause]: self.counts[cause] + 1 },`, ``),

  entry(
    "stale at freshUntil, not after",
    `now < entry.freshUntil ? "fresh"`,
    `now <= entry.freshUntil ? "fresh"`,
  ),
  entry("expired at deadAt, not after", `now < entry.deadAt ? "stale"`, `now <= entry.deadAt ? "stale"`),
  entry("a key costs two bytes a character", `2 * key.length`, `key.length`),

  entry(
    "other bytes are another value",
    `while (at < one.length && one[at] === other[at]) at++`,
    `at = one.length`,
  ),
  entry("more bytes are another value", `at === one.length && at === other.length`, `at === one.length`),
  entry("what is not ASCII has two bytes a character", `value.length === bytes ? bytes : `, ``),

  ...mutantsOfResidents,
  ...mutantsOfBuckets,

  lifetime("jitter only shortens", `(1 - self.jitter * random)`, `(1 + self.jitter * random)`),
  lifetime("jitter is used", `(1 - self.jitter * random)`, `1`),
  lifetime("freshness ends with the store's expiry", `* random), storeExpiresAt)`, `* random), Infinity)`),
  lifetime(
    "grace ends with the store's expiry",
    `Math.min(freshUntil + self.graceMillis, storeExpiresAt)`,
    `freshUntil + self.graceMillis`,
  ),
  lifetime("grace follows freshness", `freshUntil + self.graceMillis`, `askedAt + self.graceMillis`),
  lifetime(
    "an absence has no grace",
    `deadAt: freshUntil, storeExpiresAt: Infinity`,
    `deadAt: freshUntil + self.graceMillis, storeExpiresAt: Infinity`,
  ),

  condition(
    "both parts are needed",
    `(self.ifMatch === undefined || selects(self.ifMatch, current)) &&`,
    `(self.ifMatch === undefined || selects(self.ifMatch, current)) ||`,
  ),
  condition("nothing is selected where nothing is", `current !== undefined && (`, `(`),
  condition(
    "if-none-match is the opposite",
    `!selects(self.ifNoneMatch, current)`,
    `selects(self.ifNoneMatch, current)`,
  ),
  condition("any selects every value", `selector === "any" ||`, ``),
  condition("a list selects its tags only", `selector.includes(current)`, `true`),
  condition(
    "always means without any part",
    `self.ifMatch === undefined && self.ifNoneMatch === undefined`,
    `self.ifMatch === undefined`,
  ),

  duration("a hundred years are the limit", `millis <= MAX_MILLIS ?`, `true ?`),
  duration("a plain number is seconds", `bounded(Number(input) * 1_000)`, `bounded(Number(input))`),
  duration(
    "an unknown unit is refused",
    `if (factor === undefined) return Option.none()`,
    `if (factor === undefined) continue`,
  ),
  duration("zero has a text", `if (millis === 0) return "0s"`, ``),
  bytes("more than can be counted is refused", `Number.isSafeInteger(bytes) ?`, `true ?`),
  bytes("kB and KiB differ", `kb: 1_000,`, `kb: 1_024,`),
  bytes(
    "a unit is written only for whole numbers of it",
    `bytes >= factor && bytes % factor === 0`,
    `bytes >= factor`,
  ),

  snapshot("the dead are left out", `if (now < entry.deadAt) yield entry`, `yield entry`),
  entry("text is no array", `? one === other :`, `? true :`),
  entry("an array costs more than its bytes", `ARRAY_BYTES + bytes`, `bytes`),
  entry(
    "times are whole",
    `const deadAt = Math.floor(deadlines.deadAt)
  const storeExpiresAt`,
    `const deadAt = deadlines.deadAt
  const storeExpiresAt`,
  ),
  entry("no expiry is not kept", `storeExpiresAt === Infinity`, `false`),

  snapshot("dead at deadAt, not after", `if (now < entry.deadAt)`, `if (now <= entry.deadAt)`),

  resync(
    "an overtaken answer repairs nothing",
    `if (!Fill.stands(self.fills, token)) return ["overtaken", self]`,
    ``,
  ),
  resync("a confirmation counts from its question", `weight, askedAt, deadlines)`, `weight, 0, deadlines)`),
  resync(
    "a confirmation has deadlines of its own",
    `weight, askedAt, deadlines)`,
    `weight, askedAt, { ...deadlines, freshUntil: 0 })`,
  ),
  resync("what is the same stays", `if (isSame(held, answer))`, `if (false)`),
  resync(
    "what is the same and suspect is trusted again",
    `return CacheState.isTrusted(self, held, now)\n      ? ["unchanged"`,
    `return true\n      ? ["unchanged"`,
  ),
  resync(
    "what is the same and trusted is kept no longer",
    `return CacheState.isTrusted(self, held, now)\n      ? ["unchanged"`,
    `return false\n      ? ["unchanged"`,
  ),
  resync(
    "an overtaken answer contradicts nothing",
    `Fill.stands(self.fills, token) &&\n    held !== undefined`,
    `held !== undefined`,
  ),
  resync(
    "a suspect copy is no contradiction",
    `    CacheState.isTrusted(self, held, now) &&\n    !isSame`,
    `    !isSame`,
  ),
  resync("the same is no contradiction", `    !isSame(held, answer)\n`, `    true\n`),
  resync(
    "what is gone is removed",
    `if (answer.value === undefined) return ["removed", CacheState.invalidate(self, token.key)[1]]`,
    ``,
  ),
  resync("another value is a change", `isSameValue(held.value, answer.value) && `, ``),
  resync("another expiry is a change", `<= EXPIRY_TOLERANCE_MILLIS`, `<= Infinity`),
  resync("adopting evicts nobody", `now, "if-room")`, `now, "evict")`),
  resync("only what is wanted is adopted", `return adopting ? adopt(`, `return true ? adopt(`),
]
