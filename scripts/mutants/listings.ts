/** One wrong change per rule of the listings of L1: `test/cache/Listings.test.ts` must notice each of them. */
import type { Mutant } from "./Mutant.ts"

const listings = (breaks: string, find: string, replace: string): Mutant => ({
  file: "cache/Listings.ts",
  find,
  replace,
  breaks,
  tests: ["cache/Listings.test"],
})

const HOLD = `    held.delete(name)
    held.set(name, { snapshot, usedAt: l1.now() })`

export const mutants: ReadonlyArray<Mutant> = [
  listings(
    "all pages are of one instant",
    `Snapshot.page(snapshot, from`,
    `Snapshot.page(Snapshot.take(l1.current(), l1.now()), from`,
  ),
  listings("a page goes on at its place", `from: { bucket, entry } })`, `from: Snapshot.start })`),
  listings("a listing ends", `if (now < usedAt + HELD_MILLIS) return`, `return`),
  listings("it ends at 60 seconds, not after", `now < usedAt + HELD_MILLIS`, `now <= usedAt + HELD_MILLIS`),
  listings("a page is a use", HOLD, HOLD.replace("held.delete(name)", "if (held.has(name)) return")),
  listings("who was used is not the oldest", HOLD, HOLD.replace("held.delete(name)", "")),
  listings("the last page is a use", `page.next !== undefined || held.has(name)`, `page.next !== undefined`),
  listings("one page holds nothing", `if (page.next !== undefined || held.has(name)) hold`, `hold`),
  listings("16 are held at most", `if (held.size > MAX_HELD && `, `if (false && `),
  listings("16 are held", `held.size > MAX_HELD`, `held.size >= MAX_HELD`),
  listings(
    "nobody need come back",
    `Effect.repeat(Effect.sync(letGo), `,
    `Effect.repeat(Effect.sync(() => {}), `,
  ),
  listings("what has ended gives no page", `        letGo()\n`, ``),
  listings("a name says whose it is", "`${mark}.${taken++}`", "`${taken++}`"),
  listings("a name is given once", "`${mark}.${taken++}`", "`${mark}.${taken}`"),
  listings("a page looks at a part of L1", `MAX_SEEN, isListed`, `Infinity, isListed`),
  listings("only values are listed", `entry.value !== undefined && `, ``),
  listings("only the prefix is listed", `entry.key.startsWith(prefix) && `, ``),
  listings("our own keys are not listed", ` && !entry.key.startsWith(RESERVED_PREFIX)`, ``),
  listings(
    "the time to live is of the instant",
    `storeExpiresAt - snapshot.takenAt`,
    `storeExpiresAt - l1.now()`,
  ),
]
