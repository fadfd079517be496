/** One wrong change per rule of who is held and who leaves: see `core.ts`. */
import { inFile, type Mutant } from "./Mutant.ts"

const eviction = inFile("core/Eviction.ts", "core/Eviction")
const residents = inFile("core/Residents.ts", "core/Eviction", "core/Expiry", "core/Collisions")

export const mutantsOfResidents: ReadonlyArray<Mutant> = [
  eviction("two uses count", `const MAX_USES = 2`, `const MAX_USES = 3`),
  eviction("a tenth is the small queue's least", `const LEAST_SMALL = 0.1`, `const LEAST_SMALL = 0.2`),
  eviction("nine tenths are its most", `const MOST_SMALL = 0.9`, `const MOST_SMALL = 1`),
  eviction("ghosts are two per resident", `const GHOSTS = 2`, `const GHOSTS = 3`),
  eviction("soon is three tenths", `const SOON = 0.3`, `const SOON = 0.4`),
  eviction("it grows by two", `const GROW = 2`, `const GROW = 1`),
  eviction("it shrinks by one", `const SHRINK = 1`, `const SHRINK = 2`),
  eviction("every 64th is lucky", `const LUCKY = 64`, `const LUCKY = 63`),
  eviction("at most sixteen are spared", `const MAX_SPARED = 16`, `const MAX_SPARED = 17`),
  eviction("at most a thousand leave", `const MAX_LEAVING = 1_000`, `const MAX_LEAVING = 1_001`),
  eviction(
    "what is spared is bounded",
    `turn(next, bounds, spared < MAX_SPARED)`,
    `turn(next, bounds, true)`,
  ),
  eviction(
    "work ends with the places given up",
    `Residents.places(next.residents) > enough && size(next) > 0`,
    `size(next) > 0`,
  ),
  eviction(
    "it grows only while main's oldest is idle",
    `isSoon && Residents.usesOfOldest(residents, MAIN) === 0`,
    `isSoon`,
  ),
  eviction("it grows only for who returns soon", `return isSoon && `, `return `),
  eviction(
    "it stays above its least",
    `Math.max(leastSmall(bounds), target - SHRINK * part)`,
    `target - SHRINK * part`,
  ),
  eviction(
    "when bytes bind, a resident is more than one part",
    `Math.max(1, Math.round(bounds.maxEntries / held))`,
    `1`,
  ),
  eviction(
    "a key without a ghost teaches nothing",
    `if (ghost === undefined) return target`,
    `if (ghost === undefined) return target + 1`,
  ),
  eviction(
    "main leaves only when it has too much",
    `(isMainOver && !isOver(small, smallPart, bounds))`,
    `isMainOver`,
  ),
  eviction("main with too much leaves first", `(isMainOver && !isOver(small, smallPart, bounds))`, `false`),
  eviction(
    "while main has room nobody is challenged",
    `if (mainHasRoom && maySpare) return promote(next, oldest)`,
    ``,
  ),
  eviction("moves where there is room are bounded", `if (mainHasRoom && maySpare)`, `if (mainHasRoom)`),
  eviction(
    "the weight of who moves counts",
    `isOver(main, 1 - smallPart, bounds, 1, oldest.entry.weight)`,
    `isOver(main, 1 - smallPart, bounds, 1, 0)`,
  ),
  eviction(
    "who moves counts",
    `isOver(main, 1 - smallPart, bounds, 1, oldest.entry.weight)`,
    `isOver(main, 1 - smallPart, bounds, 0, oldest.entry.weight)`,
  ),
  eviction("a part is measured in entries", `line.count + moreEntries > part * bounds.maxEntries || `, ``),
  eviction("a part is measured in bytes", ` || line.bytes + moreBytes > part * bounds.maxBytes`, ``),
  eviction("main gives another round", `return maySpare && oldest.uses > 0`, `return false`),
  eviction("rounds in main are bounded", `return maySpare && oldest.uses > 0`, `return oldest.uses > 0`),
  eviction("another round costs a use", `oldest, MAIN, oldest.uses - 1`, `oldest, MAIN, oldest.uses`),
  eviction("only who was used challenges", `(isUnused && !isLucky) || `, ``),
  eviction("only the unused count towards luck", `(isUnused ? 1 : 0)`, `1`),
  eviction(
    "a challenger must be used more",
    `challenger.uses > holder.uses`,
    `challenger.uses >= holder.uses`,
  ),
  eviction("luck is against the idle only", `(isLucky && holder.uses === 0)`, `isLucky`),
  eviction("luck wins against the idle", ` || (isLucky && holder.uses === 0)`, ``),
  eviction("a challenge costs its winner a use", `Math.max(0, holder.uses - 1)`, `holder.uses`),
  eviction(
    "main starts from no use",
    `Residents.stand(self.residents, taken, MAIN, 0)`,
    `Residents.stand(self.residents, taken, MAIN, taken.uses)`,
  ),
  eviction(
    "who leaves the small queue is remembered",
    `Residents.haunt(self.residents, taken, GHOSTS * (size(self) + 1))`,
    `Residents.dismiss(self.residents, taken)`,
  ),
  eviction("a ghost's return is a use", `Math.min(MAX_USES, ghost.uses + 1)`, `ghost.uses`),
  eviction("a ghost's uses are capped", `Math.min(MAX_USES, ghost.uses + 1)`, `ghost.uses + 1`),
  eviction("a ghost's uses are remembered", `Math.min(MAX_USES, ghost.uses + 1)`, `1`),
  eviction(
    "the bound on entries is exact",
    `Residents.size(residents) + moreEntries <= bounds.maxEntries`,
    `Residents.size(residents) + moreEntries <= bounds.maxEntries + 1`,
  ),
  eviction(
    "the bound on bytes is exact",
    `Residents.bytes(residents) + moreBytes <= bounds.maxBytes`,
    `Residents.bytes(residents) + moreBytes <= bounds.maxBytes + 1`,
  ),
  eviction(
    "all the room is used",
    `Residents.size(residents) + moreEntries <= bounds.maxEntries`,
    `Residents.size(residents) + moreEntries < bounds.maxEntries`,
  ),
  eviction(
    "what does not fit does not enter",
    `if (!isRoomy(roomy.residents, bounds, 1, entry.weight)) {`,
    `if (false) {`,
  ),
  eviction(
    "a heavier rewrite makes room",
    `isRoomy(self.residents, bounds, 0, entry.weight - old.weight)`,
    `true`,
  ),
  eviction(
    "a lighter rewrite disturbs nobody",
    `isRoomy(self.residents, bounds, 0, entry.weight - old.weight)`,
    `false`,
  ),
  eviction("a rewrite fits by the difference", `entry.weight - (old?.weight ?? 0)`, `entry.weight`),
  eviction("a rewrite needs no new place", `old === undefined ? 1 : 0`, `1`),
  eviction(
    "what was learnt stays when all are forgotten",
    `({ ...self, residents: Residents.clear`,
    `({ ...make({ maxEntries: 10, maxBytes: 1 }, 0), residents: Residents.clear`,
  ),
  eviction(
    "an insertion tidies",
    `old === undefined ? Residents.tidy(self.residents) :`,
    `old === undefined ? self.residents :`,
  ),

  residents("few places are left in a small L1", `const MAX_LEFT = 8`, `const MAX_LEFT = 64`),
  residents("so many buckets are looked at", `const SEEN_PER_DEAD = 8`, `const SEEN_PER_DEAD = 80`),
  residents("so many places are passed", `const MAX_PASSED = 1_000`, `const MAX_PASSED = 10_000`),
  residents("a bucket has about eight", `const LOAD = 8`, `const LOAD = 16`),
  residents("uses are capped", `if (uses >= maxUses) return self`, ``),
  residents(
    "a use is counted where the key stands",
    `Bucket.wordOf(hash, Bucket.whereOf(word), uses + 1)`,
    `Bucket.wordOf(hash, Bucket.SMALL, uses + 1)`,
  ),
  residents("a key takes its place again", `if (left >= 0) {`, `if (false) {`),
  residents("a bucket takes so many", `if (Bucket.places(bucket) >= Bucket.MAX_PLACES) return self`, ``),
  residents(
    "a bucket takes as many",
    `Bucket.places(bucket) >= Bucket.MAX_PLACES`,
    `Bucket.places(bucket) >= Bucket.MAX_PLACES - 30`,
  ),
  residents(
    "who returns is no ghost any more",
    `Bucket.withPlace(bucket, Bucket.wordOf(hash, Bucket.SMALL, uses), entry, ghost)`,
    `Bucket.withPlace(bucket, Bucket.wordOf(hash, Bucket.SMALL, uses), entry, -1)`,
  ),
  residents(
    "bytes follow a rewrite",
    `changed(lineOf(self, where), 0, entry.weight - old.weight)`,
    `changed(lineOf(self, where), 0, entry.weight)`,
  ),
  residents(
    "bytes follow a leave",
    `changed(lineOf(self, where), -1, -entry.weight)`,
    `changed(lineOf(self, where), -1, 0)`,
  ),
  residents("who leaves tidies", `return tidy(withBoth(`, `return (withBoth(`),
  residents(
    "what a taken one weighs is counted out",
    `bytes: line.bytes - entry.weight }
      const uses`,
    `bytes: line.bytes }
      const uses`,
  ),
  residents(
    "a place that nobody has is given up in its turn",
    `    root = BucketTree.set(root, self.frame.shape, hash, Bucket.withoutPlace(bucket, at))
  }
  return [undefined`,
    `  }
  return [undefined`,
  ),
  residents(
    "ghosts are bounded",
    `Math.max(1, Math.round(maxGhosts / BucketTree.buckets(self.frame.shape)))`,
    `1_000`,
  ),
  residents("ghosts of all buckets count", `newer * BucketTree.buckets(self.frame.shape)`, `newer`),
  residents("the youngest ghost has none that is newer", `bucket.length - 1 - at }`, `bucket.length - at }`),
  residents(
    "expiry keeps to its budget within a bucket",
    `Bucket.withoutDead(bucket, tick, budget - dead.length, except)`,
    `Bucket.withoutDead(bucket, tick, budget, except)`,
  ),
  residents("expiry looks at so many buckets", ` || seen++ >= SEEN_PER_DEAD * budget`, ``),
  residents(
    "expiry counts out of the right queue",
    `=== Bucket.SMALL
      if (isSmall)`,
    `=== Bucket.SMALL
      if (!isSmall)`,
  ),
  residents("expiry tidies", `step < dead.length; step += TIDIED / 2`, `step < 0; step += TIDIED / 2`),
  residents("tidying begins when places are left", `line.queue.size <= 2 * line.count + MAX_LEFT`, `true`),
  residents("tidying keeps who is resident", `else queue = Queue.push(queue, hash)`, ``),
  residents(
    "tidying gives up who is not",
    `if (Bucket.entryAt(bucket, at) === undefined) {
      root`,
    `if (false) {
      root`,
  ),
  residents("tidying is bounded", `const TIDIED = 4`, `const TIDIED = 40`),
  residents("the oldest is asked for its uses", `if (queue.size === 0) return 0`, `return 0`),
  residents(
    "the end of a queue is its end",
    `queue: Queue.push(line.queue, hash),
  count: line.count + 1`,
    `queue: line.queue,
  count: line.count + 1`,
  ),
]
