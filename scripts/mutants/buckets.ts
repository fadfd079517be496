/** One wrong change per rule of the persistent structures: buckets, their tree, queues, hashes. See `core.ts`. */
import { inFile, type Mutant } from "./Mutant.ts"

const bucket = inFile("core/Bucket.ts", "core/Bucket.test", "core/Collisions")
const tree = inFile("core/BucketTree.ts", "core/BucketTree")
const queue = inFile("core/Queue.ts", "core/Queue.test")
const hash = inFile("core/KeyHash.ts", "core/KeyHash")

export const mutantsOfBuckets: ReadonlyArray<Mutant> = [
  bucket("a deadline is a second", `const TICK_MILLIS = 1_000`, `const TICK_MILLIS = 2_000`),
  bucket(
    "what never dies is never due",
    `Math.min(Math.floor(millis / TICK_MILLIS), NEVER)`,
    `Math.floor(millis / TICK_MILLIS)`,
  ),
  bucket(
    "keys of one hash are told apart by name",
    `if ((word & HASH) === wanted && (self[at + 1] as Entry | undefined)?.key === key) return at`,
    `if ((word & HASH) === wanted && self[at + 1] !== undefined) return at`,
  ),
  bucket(
    "a place that somebody has is not free",
    `if ((word & HASH) === wanted && self[at + 1] === undefined) return at`,
    `if ((word & HASH) === wanted) return at`,
  ),
  bucket(
    "a place is in one queue",
    `if ((word & (HASH | WHERE)) === wanted) return at
  }
  return -1
}

export const entries`,
    `if ((word & HASH) === (wanted & HASH)) return at
  }
  return -1
}

export const entries`,
  ),
  bucket(
    "a ghost is of its own hash",
    `if (((self[at] as number) & (HASH | WHERE)) === wanted) return at`,
    `return at`,
  ),
  bucket(
    "an earlier deadline lowers the bound",
    `if (entry !== undefined) next[0] = Math.min(dueOf(self), tickOf(entry.deadAt))`,
    ``,
  ),
  bucket(
    "a later one leaves it to its neighbours",
    `if (entry !== undefined) next[0] = Math.min(dueOf(self), tickOf(entry.deadAt))`,
    `if (entry !== undefined) next[0] = tickOf(entry.deadAt)`,
  ),
  bucket(
    "a new resident lowers the bound",
    `next[0] = Math.min(dueOf(self), tickOf(entry.deadAt))
  for`,
    `next[0] = dueOf(self)
  for`,
  ),
  bucket("a returning ghost goes", `if (at !== ghost) next[to++] = self[at]`, `next[to++] = self[at]`),
  bucket(
    "the oldest ghosts are forgotten",
    `at = end + forgotten; at < self.length; at++) next[at - 2 - forgotten]`,
    `at = end; at < self.length - forgotten; at++) next[at - 2]`,
  ),
  bucket("ghosts are forgotten", `Math.max(0, self.length - end + 1 - maxGhosts)`, `0`),
  bucket("the living stay", `diesAt < tick && dead.length`, `dead.length`),
  bucket("a second dies when it has passed", `diesAt < tick`, `diesAt <= tick`),
  bucket("expiry keeps to its budget", `dead.length < budget && `, ``),
  bucket("one key is spared", ` && entry.key !== except`, ``),
  bucket("who stays says when", `} else due = Math.min(due, diesAt)`, `}`),

  tree("upper nodes learn of an earlier deadline", `if (due < (node[0] as number)) node[0] = due`, ``),
  tree(
    "nodes are copied, not written to",
    `const child = (node[at] as Node).slice()`,
    `const child = node[at] as Array<Node>`,
  ),
  tree(
    "the root is copied, not written to",
    `const next = root.slice()
  let node = next`,
    `const next = root as Array<Node>
  let node = next`,
  ),
  tree("the root has what is left over", `Math.min(CHILDREN, 2 ** (HASH_BITS - shift))`, `CHILDREN`),
  tree("a tree is as deep as it must be", `Math.ceil(bits / BITS) - 1`, `Math.ceil((bits + 1) / BITS) - 1`),
  tree(
    "a sweep visits only what is due",
    `if (ended || !isDue(node, tick)) return node`,
    `if (ended) return node`,
  ),
  tree(
    "a sweep visits all that is due",
    `(root[0] as number) < tick
`,
    `(root[0] as number) < tick - 1
`,
  ),
  tree("a sweep ends when told to", `ended = bucket === undefined`, `ended = false`),
  tree(
    "a sweep sets nodes right",
    `due = Math.min(due, child[0] as number)`,
    `due = Math.min(due, node[0] as number)`,
  ),
  tree(
    "a sweep does not lose sight of the rest",
    `due = Math.min(due, child[0] as number)`,
    `due = Bucket.NEVER`,
  ),
  tree("a walk passes what was never used", `if (node === nothing) return`, ``),
  tree("a walk begins where told", `if (start + width > from &&`, `if (start >= from &&`),
  tree("a walk of one bucket begins where told", `if (first >= from) yield`, `yield`),
  tree("what is shared is not looked at", `if (before === after) return`, ``),

  queue(
    "no number is skipped",
    `return { size, front, at: at + 1, middle, rear }`,
    `return { size, front, at: at + 2, middle, rear }`,
  ),
  queue(
    "the middle comes before the rear",
    `if (self.middle !== undefined && self.middle.size > 0) return peek(self.middle)[0] as A`,
    ``,
  ),
  queue(
    "the middle leaves before the rear",
    `if (middle !== undefined && middle.size > 0) {`,
    `if (false) {`,
  ),
  queue("the middle moves on", `at: 1, middle: drop(middle), rear }`, `at: 1, middle, rear }`),
  queue("a full chunk goes to the middle", `rear.length < CHUNK`, `rear.length <= CHUNK`),
  queue(
    "the listing begins where the front is",
    `let at = self.at; at < self.front`,
    `let at = 0; at < self.front`,
  ),
  queue(
    "a push copies",
    `const rear = appended(self.rear, item)`,
    `const rear = self.rear as Array<A>\n  rear.push(item)`,
  ),

  hash("the seed counts", `let hash = seed ^ key.length`, `let hash = key.length`),
  hash("the length counts", `let hash = seed ^ key.length`, `let hash = seed`),
  hash(
    "the last character of an odd key counts",
    `if (pairs < key.length) hash = Math.imul(hash ^ key.charCodeAt(pairs), PRIME)`,
    ``,
  ),
  hash("the second of a pair counts", ` | (key.charCodeAt(at + 1) << 16)`, ``),
  hash("bits are mixed", `hash ^= hash >>> 15`, ``),
  hash("bits are mixed in the end", `hash = Math.imul(hash ^ (hash >>> 13), MIX_2)`, ``),
]
