import { assert, describe, it } from "@effect/vitest"
import * as Freshness from "../../src/core/Freshness.ts"
import { makeRandom } from "./traces.ts"

/** Confirmed at 0 and fresh until 100. */
const COPY: Freshness.Copy = { confirmedAt: 0, freshUntil: 100 }
/** Confirmed at 0 and suspect: fresh until then. */
const SUSPECT: Freshness.Copy = { confirmedAt: 0, freshUntil: 0 }

type Row = readonly [
  what: string,
  freshness: Freshness.Freshness,
  /** At 40 and at 130 with a copy, at 40 with a suspect one, and without any. */
  decisions: readonly [Freshness.Decision, Freshness.Decision, Freshness.Decision, Freshness.Decision],
  /** The same three copies when the store was asked and failed. */
  onError: readonly [boolean, boolean, boolean],
]

/** Written by hand from RFC 9111 section 5.2.1 and RFC 5861 section 4. */
const ROWS: ReadonlyArray<Row> = [
  ["nothing", {}, ["fresh", "ask", "ask", "ask"], [true, true, true]],
  ["no-cache", { noCache: true }, ["ask", "ask", "ask", "ask"], [false, false, false]],
  ["no-store", { noStore: true }, ["ask", "ask", "ask", "ask"], [false, false, false]],
  ["max-age=40", { maxAgeMillis: 40 }, ["fresh", "ask", "ask", "ask"], [true, false, false]],
  ["max-age=39", { maxAgeMillis: 39 }, ["ask", "ask", "ask", "ask"], [false, false, false]],
  ["min-fresh=60", { minFreshMillis: 60 }, ["fresh", "ask", "ask", "ask"], [true, false, false]],
  ["min-fresh=61", { minFreshMillis: 61 }, ["ask", "ask", "ask", "ask"], [false, false, false]],
  ["max-stale", { maxStaleMillis: Infinity }, ["fresh", "stale", "stale", "ask"], [true, true, true]],
  ["max-stale=40", { maxStaleMillis: 40 }, ["fresh", "stale", "stale", "ask"], [true, true, true]],
  ["max-stale=30", { maxStaleMillis: 30 }, ["fresh", "stale", "ask", "ask"], [true, true, false]],
  ["max-stale=29", { maxStaleMillis: 29 }, ["fresh", "ask", "ask", "ask"], [true, false, false]],
  ["max-stale=0", { maxStaleMillis: 0 }, ["fresh", "ask", "ask", "ask"], [true, false, false]],
  ["only-if-cached", { onlyIfCached: true }, ["fresh", "refuse", "refuse", "refuse"], [true, true, true]],
  ["stale-if-error=40", { staleIfErrorMillis: 40 }, ["fresh", "ask", "ask", "ask"], [true, true, true]],
  ["stale-if-error=30", { staleIfErrorMillis: 30 }, ["fresh", "ask", "ask", "ask"], [true, true, false]],
  ["stale-if-error=0", { staleIfErrorMillis: 0 }, ["fresh", "ask", "ask", "ask"], [true, false, false]],
  [
    "only-if-cached, max-stale",
    { onlyIfCached: true, maxStaleMillis: Infinity },
    ["fresh", "stale", "stale", "refuse"],
    [true, true, true],
  ],
  [
    "only-if-cached, no-cache",
    { onlyIfCached: true, noCache: true },
    ["refuse", "refuse", "refuse", "refuse"],
    [false, false, false],
  ],
  [
    "max-age=39, max-stale: the age still binds",
    { maxAgeMillis: 39, maxStaleMillis: Infinity },
    ["ask", "ask", "ask", "ask"],
    [false, false, false],
  ],
  [
    "min-fresh=10, max-stale: so does the freshness",
    { minFreshMillis: 10, maxStaleMillis: Infinity },
    ["fresh", "ask", "ask", "ask"],
    [true, false, false],
  ],
  [
    "max-age=10, stale-if-error=40: on an error the latter takes its place",
    { maxAgeMillis: 10, staleIfErrorMillis: 40 },
    ["ask", "ask", "ask", "ask"],
    [true, true, true],
  ],
  [
    "no-cache, max-stale, stale-if-error=1000: never a copy",
    { noCache: true, maxStaleMillis: Infinity, staleIfErrorMillis: 1_000 },
    ["ask", "ask", "ask", "ask"],
    [false, false, false],
  ],
]

const COPIES = [
  [COPY, 40],
  [COPY, 130],
  [SUSPECT, 40],
] as const

/** From least to most: what a copy that is served says of the reader. */
const draws = (seed: number) => {
  const random = makeRandom(seed)
  const upTo = (max: number) => Math.floor(random() * max)
  const maybe = <A>(value: A): A | undefined => (random() < 0.4 ? value : undefined)
  const flags = { noCache: maybe(true), noStore: maybe(true), onlyIfCached: maybe(true) }
  const limits = {
    maxAgeMillis: maybe(upTo(200)),
    minFreshMillis: maybe(upTo(200)),
    maxStaleMillis: maybe(upTo(200)),
    staleIfErrorMillis: maybe(upTo(200)),
  }
  const given = Object.entries({ ...flags, ...limits }).filter(([, value]) => value !== undefined)
  const freshness: Freshness.Freshness = Object.fromEntries(given)
  const confirmedAt = upTo(100)
  const copy = { confirmedAt, freshUntil: confirmedAt + (random() < 0.3 ? 0 : upTo(150)) }
  return { freshness, copy, now: confirmedAt + upTo(300) }
}

describe("Freshness", () => {
  for (const [what, freshness, decisions, onError] of ROWS) {
    it(`decides as the table says: ${what}`, () => {
      const asked = COPIES.map(([copy, now]) => Freshness.decide(freshness, copy, now))
      assert.deepStrictEqual([...asked, Freshness.decide(freshness, undefined, 40)], [...decisions])
      assert.deepStrictEqual(
        COPIES.map(([copy, now]) => Freshness.acceptsOnError(freshness, copy, now)),
        [...onError],
      )
    })
  }

  it("serves no copy that breaks a limit, and calls none fresh that is not", () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < 20_000; seed++) {
      const { copy, freshness, now } = draws(seed)
      const decision = Freshness.decide(freshness, copy, now)
      seen.set(decision, (seen.get(decision) ?? 0) + 1)
      const stale = now - copy.freshUntil
      if (decision === "fresh" || decision === "stale") {
        assert.isTrue(freshness.noCache !== true && freshness.noStore !== true)
        assert.strictEqual(decision === "fresh", stale < 0)
        if (freshness.maxAgeMillis !== undefined) {
          assert.isTrue(now - copy.confirmedAt <= freshness.maxAgeMillis)
        }
        if (freshness.minFreshMillis !== undefined) assert.isTrue(-stale >= freshness.minFreshMillis)
        if (decision === "stale") assert.isTrue(stale <= (freshness.maxStaleMillis ?? -1))
      } else {
        assert.strictEqual(decision === "refuse", freshness.onlyIfCached === true)
      }
      const onError = Freshness.acceptsOnError(freshness, copy, now)
      seen.set(`on error: ${onError}`, (seen.get(`on error: ${onError}`) ?? 0) + 1)
      if (onError && stale >= 0 && freshness.staleIfErrorMillis !== undefined) {
        assert.isTrue(stale <= freshness.staleIfErrorMillis && freshness.staleIfErrorMillis > 0)
      }
    }
    for (const what of ["fresh", "stale", "ask", "refuse", "on error: true", "on error: false"]) {
      assert.isAbove(seen.get(what) ?? 0, 200, what)
    }
  })

  it("serves whoever asks for less from every copy that who asks for more is served from", () => {
    let served = 0
    for (let seed = 0; seed < 20_000; seed++) {
      const { copy, freshness, now } = draws(seed)
      const { maxAgeMillis: _, ...older } = freshness
      const { minFreshMillis: __, ...lessFresh } = freshness
      const staler = { ...freshness, maxStaleMillis: (freshness.maxStaleMillis ?? 0) + 50 }
      const isServed = (one: Freshness.Freshness) =>
        ["fresh", "stale"].includes(Freshness.decide(one, copy, now))
      if (!isServed(freshness)) continue
      served++
      assert.isTrue(isServed(older) && isServed(lessFresh) && isServed(staler))
    }
    assert.isAbove(served, 200)
  })
})
