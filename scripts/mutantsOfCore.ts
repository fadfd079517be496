/**
 * One wrong change per rule of `src/core`. The tests of the core must notice each of them: `mutants.ts` checks.
 *
 * A new rule in the core comes with a line here. `find` occurs exactly once in the file.
 */
export interface Mutant {
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The rule that does not hold any more. */
  readonly breaks: string
}

const inFile =
  (file: string) =>
  (breaks: string, find: string, replace: string): Mutant => ({ file, find, replace, breaks })

const fill = inFile("Fill.ts")
const state = inFile("CacheState.ts")
const eviction = inFile("Eviction.ts")
const deadlines = inFile("Deadlines.ts")
const queue = inFile("Queue.ts")
const entry = inFile("Entry.ts")
const lifetime = inFile("Lifetime.ts")
const condition = inFile("Condition.ts")
const duration = inFile("DurationText.ts")
const bytes = inFile("BytesText.ts")
const snapshot = inFile("Snapshot.ts")
const resync = inFile("Resync.ts")

export const mutants: ReadonlyArray<Mutant> = [
  fill("a reader does not join a write", ` && standing.value.purpose === "read"`, ``),
  fill("a reader joins a reader", `standing.value.purpose === "read"`, `false`),
  fill("only this very token stands", `standing.value.id === token.id`, `true`),
  fill(
    "ending a token leaves others alone",
    `stands(self, token) ? withdraw(self, token.key) : self`,
    `withdraw(self, token.key)`,
  ),
  fill(
    "an invalidation withdraws the token",
    `? { ...self, standing: HashMap.remove(self.standing, key) }`,
    `? self`,
  ),
  fill("withdrawing all leaves none", `HashMap.isEmpty(self.standing) ? self :`, `true ? self :`),
  fill("numbers go on after withdrawing all", `self : { ...self, standing: HashMap.empty() }`, `self : none`),
  fill("every token has its own number", `nextId: self.nextId + 1`, `nextId: self.nextId`),
  fill("the resync gives way", `if (HashMap.has(self.standing, key)) return [Option.none(), self]`, ``),
  fill(
    "a write replaces what stood",
    `=> register(self, key, "write")`,
    `=> [register(self, key, "write")[0], self]`,
  ),

  state("only a standing token installs", `if (!Fill.stands(self.fills, token))`, `if (false)`),
  state("a token is used once", `fills: Fill.end(self.fills, token) }`, `fills: self.fills }`),
  state(
    "an overtaken write forgets the key",
    `const [removed, forgotten] = invalidate(next, token.key)`,
    `const [removed, forgotten] = [[], next]`,
  ),
  state(
    "an overtaken write withdraws readers",
    `const [removed, forgotten] = invalidate(next, token.key)`,
    `const [removed, forgotten] = drop(next, token.key, "invalidated")`,
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
    `deadlines: Deadlines.empty,
      fills: Fill.withdrawAll(self.fills)`,
    `deadlines: Deadlines.empty,
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
  state("trust begins with the question", `entry.confirmedAt >= self.trustedSince && `, ``),
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
  state("nothing enters where nothing may be held", `if (self.bounds.maxEntries < 1) return "no-room"`, ``),
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
    "a replaced entry leaves the deadlines",
    `if (old !== undefined) deadlines = Deadlines.remove(deadlines, old.key, old.deadAt)`,
    ``,
  ),
  state(
    "evicted entries leave the deadlines",
    `for (const gone of evicted) deadlines = Deadlines.remove(deadlines, gone.key, gone.deadAt)`,
    ``,
  ),
  state("an entry is in the deadlines", `deadlines = Deadlines.add(deadlines, entry.key, entry.deadAt)`, ``),
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
  state("a replaced entry is not swept as well", `if (key === except) continue`, ``),
  state(
    "expiry keeps to its budget",
    `Deadlines.due(self.deadlines, now, budget)`,
    `Deadlines.due(self.deadlines, now, Infinity)`,
  ),
  state(
    "who leaves, leaves the deadlines",
    `deadlines: Deadlines.remove(self.deadlines, key, entry.deadAt),`,
    ``,
  ),
  state("who leaves is counted", `counts: { ...self.counts, [cause]: self.counts[cause] + 1 },`, ``),

  entry(
    "stale at freshUntil, not after",
    `now < entry.freshUntil ? "fresh"`,
    `now <= entry.freshUntil ? "fresh"`,
  ),
  entry("expired at deadAt, not after", `now < entry.deadAt ? "stale"`, `now <= entry.deadAt ? "stale"`),
  entry("a key costs two bytes a character", `2 * key.length`, `key.length`),

  eviction("uses are capped", `|| found.value.uses === MAX_USES) return self`, `) return self`),
  eviction("three uses count", `const MAX_USES = 3`, `const MAX_USES = 2`),
  eviction("one use is not enough to stay", `const USES_TO_STAY = 2`, `const USES_TO_STAY = 1`),
  eviction("two uses are enough to stay", `const USES_TO_STAY = 2`, `const USES_TO_STAY = 3`),
  eviction("the main queue has nine tenths", `const MAIN_PART = 0.9`, `const MAIN_PART = 0.8`),
  eviction(
    "who leaves the small queue is remembered",
    `return [resident.entry, rememberGhost(next, resident.entry.key)]`,
    `return [resident.entry, next]`,
  ),
  eviction("a ghost that returns is one no more", `ghosts: HashMap.remove(roomy.ghosts, entry.key),`, ``),
  eviction(
    "a ghost that returns leaves its place",
    `ghostOrder: Queue.remove(roomy.ghostOrder, ghost.value),`,
    ``,
  ),
  eviction(
    "a ghost returns to the main queue",
    `enter(remembered, "main", entry, 0)`,
    `enter(remembered, "small", entry, 0)`,
  ),
  eviction(
    "ghosts are bounded by the residents",
    `HashMap.size(next.ghosts) > MAIN_PART * size(next)`,
    `false`,
  ),
  eviction("ghosts are forgotten in bounded steps", `step < budget && `, ``),
  eviction(
    "who moves to the main queue starts anew",
    `return [undefined, enter(next, "main", resident.entry, 0)]`,
    `return [undefined, enter(next, "main", resident.entry, resident.uses)]`,
  ),
  eviction("the main queue gives second chances", `if (maySpare && resident.uses > 0)`, `if (false)`),
  eviction("a second chance costs a use", `resident.uses - 1)`, `resident.uses)`),
  eviction("second chances are bounded", `if (maySpare && resident.uses > 0)`, `if (resident.uses > 0)`),
  eviction(
    "moves to the main queue are bounded",
    `if (maySpare && resident.uses >= USES_TO_STAY)`,
    `if (resident.uses >= USES_TO_STAY)`,
  ),
  eviction(
    "the main queue's part is measured in bytes too",
    ` ||\n  self.main.bytes > MAIN_PART * bounds.maxBytes`,
    ``,
  ),
  eviction(
    "the main queue's part is measured in entries too",
    `Queue.size(self.main.queue) > MAIN_PART * bounds.maxEntries ||`,
    ``,
  ),
  eviction(
    "bytes follow a rewrite",
    `bytes: line.bytes + entry.weight - old.entry.weight`,
    `bytes: line.bytes + entry.weight`,
  ),
  eviction(
    "bytes follow a removal",
    `queue: Queue.remove(line.queue, place), bytes: line.bytes - entry.weight`,
    `queue: Queue.remove(line.queue, place), bytes: line.bytes`,
  ),
  eviction(
    "bytes follow an eviction",
    `bytes: self[name].bytes - resident.entry.weight`,
    `bytes: self[name].bytes`,
  ),
  eviction(
    "the bound on entries is exact",
    `maxEntries: bounds.maxEntries - 1,`,
    `maxEntries: bounds.maxEntries,`,
  ),
  eviction(
    "the bound on bytes is exact",
    `maxBytes: bounds.maxBytes - entry.weight }`,
    `maxBytes: bounds.maxBytes }`,
  ),
  eviction(
    "nobody is evicted needlessly",
    `size(next) > room.maxEntries ||`,
    `size(next) >= room.maxEntries ||`,
  ),
  eviction(
    "a heavier rewrite makes room",
    `return makeRoom(replace(self, old.value, entry), bounds)`,
    `return [[], replace(self, old.value, entry)]`,
  ),
  eviction("a rewrite keeps its uses", `{ ...old, entry }`, `{ ...old, entry, uses: 0 }`),
  eviction("a rewrite fits by the difference", ` - (old?.weight ?? 0)`, ``),
  eviction("a rewrite needs no new place", `(old === undefined ? 1 : 0)`, `1`),

  deadlines(
    "a bucket is due when its second has passed",
    `const end = tickOf(now)`,
    `const end = tickOf(now) + 1`,
  ),
  deadlines("empty seconds are passed for good", `from = tick + 1`, `from = self.from`),
  deadlines("no second with keys is passed", `if (keys.length === 0) from = tick + 1`, `from = tick + 1`),
  deadlines("an earlier deadline moves the start back", `Math.min(self.from, tick)`, `self.from`),
  deadlines("a gap is crossed in bounded steps", ` && tick - self.from < MAX_EMPTY_TICKS`, ``),
  deadlines(
    "an emptied index begins anew",
    `HashMap.isEmpty(self.buckets) ? tick : Math.min(self.from, tick)`,
    `Math.min(self.from, tick)`,
  ),
  deadlines("the budget holds within a second", `if (keys.length === budget) break`, ``),
  deadlines("a neighbour stays", `HashSet.size(bucket) === 0`, `true`),
  deadlines("no empty bucket stays", `HashSet.size(bucket) === 0`, `false`),

  queue("no key is skipped", `head: place + 1`, `head: place + 2`),
  queue(
    "a place that is given up is empty",
    `const keys = HashMap.remove(self.keys, place)
  // The`,
    `const keys = self.keys
  // The`,
  ),
  queue("places are never given out twice", `tail: self.tail + 1`, `tail: HashMap.size(self.keys) + 1`),
  queue(
    "the oldest leaves first",
    `for (let place = self.head; place < self.tail; place++) {\n    const key = HashMap.get(self.keys, place)`,
    `for (let place = self.head; place < self.tail; place++) {\n    const key = Option.orElse(HashMap.get(self.keys, place + 1), () => HashMap.get(self.keys, place))`,
  ),

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
  snapshot("dead at deadAt, not after", `if (now < entry.deadAt)`, `if (now <= entry.deadAt)`),

  resync(
    "an overtaken answer repairs nothing",
    `if (!Fill.stands(self.fills, token)) return ["overtaken", self]`,
    ``,
  ),
  resync("what is the same stays", `if (isSame(held, answer))`, `if (false)`),
  resync(
    "what is gone is removed",
    `if (answer._tag === "Absent") return ["removed", CacheState.invalidate(self, token.key)[1]]`,
    ``,
  ),
  resync("another value is a change", `held.etag === answer.etag &&`, ``),
  resync("another expiry is a change", `<= EXPIRY_TOLERANCE_MILLIS`, `<= Infinity`),
  resync("adopting evicts nobody", `now, "if-room")`, `now, "evict")`),
  resync("only what is wanted is adopted", `return adopting ? adopt(`, `return true ? adopt(`),
]
