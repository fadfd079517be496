/** Everything that may happen to L1, as data that can be drawn at random, applied to the core and told to the model. */
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CacheState from "../../src/core/CacheState.ts"
import type { Key } from "../../src/core/Entry.ts"
import type { Bounds } from "../../src/core/Eviction.ts"
import type { CacheModel, Issued } from "./CacheModel.ts"
import { absent, present } from "./entries.ts"
import { mustBe } from "./must.ts"

/** Earlier ones are drawn more often. */
export const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] as const

/** What an answer holds; times count from when its question was asked. */
interface Answer {
  readonly weight: number
  readonly ttlMillis: number
  readonly graceMillis: number
  readonly isAbsent: boolean
  readonly admission: "evict" | "if-room"
}

export type Command =
  | { readonly does: "wait"; readonly millis: number }
  | { readonly does: "use" | "read" | "write" | "resync" | "invalidate"; readonly key: Key }
  /** `whose`: a key's latest question, or one of all questions ever asked, counted from the latest. */
  | { readonly does: "answer"; readonly whose: Key | number; readonly answer: Answer }
  | { readonly does: "abandon"; readonly whose: Key | number }
  | { readonly does: "invalidateAll" }
  | { readonly does: "expire"; readonly budget: number }

/** A short sequence reaches next to nothing. */
const LEAST_COMMANDS = 120
// The ends of a range are drawn most often, so what happens most stands there.
const WAITS = [0, 20_000, 3_000, 1_000, 999, 1, 500, 250]
const TTLS = [60_000, 0, 1, 250, 1_000, 1_500, 10_000, 4_000]
const GRACES = [0, 500, 5_000]
const MAX_ENTRIES = [6, 1, 2, 3, 4, 7, 8, 5]
const MAX_BYTES = [30, 8, 10, 14, 18, 24, 50, 36]

const upTo = (maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

const draws = Arbitrary.all({
  kind: upTo(99),
  key: upTo(KEYS.length - 1),
  otherKey: upTo(KEYS.length - 1),
  back: upTo(9),
  weight: upTo(11),
  ttl: upTo(TTLS.length - 1),
  grace: upTo(GRACES.length - 1),
  wait: upTo(WAITS.length - 1),
  coin: upTo(7),
})

const at = <A>(list: ReadonlyArray<A>, index: number): A => {
  const found = list[index]
  if (found === undefined) throw new RangeError(`no element ${index}`)
  return found
}

/** Kind 0 is to wait for nothing, so that what does not matter shrinks to it. */
const drawnCommands = Arbitrary.map(draws, (draw): ReadonlyArray<Command> => {
  const key = at(KEYS, Math.min(draw.key, draw.otherKey))
  const answer: Answer = {
    weight: draw.weight + 1,
    ttlMillis: at(TTLS, draw.ttl),
    graceMillis: at(GRACES, draw.grace),
    isAbsent: draw.coin === 1,
    admission: draw.coin === 2 ? "if-room" : "evict",
  }
  const { kind } = draw
  if (kind < 6) return [{ does: "wait", millis: at(WAITS, kind === 0 ? 0 : draw.wait) }]
  if (kind < 18) return [{ does: "read", key }]
  if (kind < 44)
    return [
      { does: "read", key },
      { does: "answer", whose: key, answer },
    ]
  if (kind < 48) return [{ does: "resync", key }]
  if (kind < 53) return [{ does: "write", key }]
  if (kind < 59) return [{ does: "answer", whose: draw.back, answer }]
  if (kind < 66) return [{ does: "answer", whose: key, answer }]
  if (kind < 68) return [{ does: "abandon", whose: draw.coin < 4 ? key : draw.back }]
  if (kind < 71) return [{ does: "invalidate", key }]
  if (kind < 72) return [{ does: "invalidateAll" }]
  if (kind < 76) return [{ does: "expire", budget: draw.back }]
  return Array.from({ length: 1 + (draw.coin % 4) }, () => ({ does: "use", key }) as const)
})

/** Entries bind, bytes bind, or both. */
const bounds = Arbitrary.map(
  Arbitrary.all({
    regime: upTo(2),
    entries: upTo(MAX_ENTRIES.length - 1),
    bytes: upTo(MAX_BYTES.length - 1),
  }),
  ({ bytes, entries, regime }): Bounds => ({
    maxEntries: regime === 1 ? 1_000 : at(MAX_ENTRIES, entries),
    maxBytes: regime === 0 ? 1_000_000 : at(MAX_BYTES, bytes),
  }),
)

export const cases = Arbitrary.all({
  bounds,
  commands: Arbitrary.map(Arbitrary.array(drawnCommands, { minLength: LEAST_COMMANDS }), (drawn) =>
    drawn.flat(),
  ),
})

/** A transition of the core, ready to be applied to any version, and how to tell the model what it reported. */
export interface Step {
  readonly transition: (state: CacheState.CacheState) => CacheState.CacheState
}

const step =
  <A>(
    transition: (state: CacheState.CacheState) => readonly [A, CacheState.CacheState],
    tell: (outcome: A) => void,
  ) =>
  (state: CacheState.CacheState): readonly [Step, CacheState.CacheState] => {
    const [outcome, next] = transition(state)
    tell(outcome)
    return [{ transition: (version) => transition(version)[1] }, next]
  }

const nothing = step(
  (state) => [undefined, state],
  () => {},
)

const pick = (model: CacheModel, whose: Key | number): Issued | undefined =>
  typeof whose === "number"
    ? model.issued.at(-1 - whose)
    : model.issued.findLast((issued) => issued.token.key === whose)

/** Applies the command to the state and tells the model what the core reported. */
export const apply = (model: CacheModel, command: Command) => {
  switch (command.does) {
    case "wait":
      model.now += command.millis
      return nothing
    case "use":
      return use(model, command.key)
    case "read":
      return step(
        (state) => CacheState.beginRead(state, command.key),
        (begun) => model.beganRead(command.key, begun),
      )
    case "write":
      return step(
        (state) => CacheState.beginWrite(state, command.key),
        (token) => model.beganWrite(command.key, token),
      )
    case "resync":
      return step(
        (state) => CacheState.beginResync(state, command.key),
        (token) => model.beganResync(command.key, Option.getOrUndefined(token)),
      )
    case "invalidate":
      return step(
        (state) => CacheState.invalidate(state, command.key),
        (removed) => model.invalidated(command.key, removed),
      )
    case "invalidateAll":
      return step(CacheState.invalidateAll, (removed) => model.allInvalidated(removed))
    case "expire": {
      const { now } = model
      return step(
        (state) => CacheState.expire(state, now, command.budget),
        (removed) => model.expired(command.budget, removed),
      )
    }
    case "abandon": {
      const issued = pick(model, command.whose)
      if (issued === undefined) return nothing
      return step(
        (state) => [undefined, CacheState.abandon(state, issued.token)],
        () => model.abandoned(issued.token),
      )
    }
    case "answer": {
      const issued = pick(model, command.whose)
      return issued === undefined ? nothing : answer(model, issued, command.answer)
    }
  }
}

/** A read of L1: only what is not dead is served, and only what is served counts as used. */
const use = (model: CacheModel, key: Key) => {
  const { now } = model
  const expected = model.live(key)
  return step(
    (state) => {
      const found = CacheState.peek(state, key, now)
      return [found, found === undefined ? state : CacheState.touch(state, key)]
    },
    (found) => {
      mustBe(found, expected, "a read is served what is held and not dead")
      if (found !== undefined) return model.tally.add(now < found.freshUntil ? "hit" : "stale hit")
      model.tally.add(`miss: ${model.held.has(key) ? "expired" : (model.left.get(key) ?? "never stored")}`)
    },
  )
}

const answer = (model: CacheModel, { askedAt, token }: Issued, given: Answer) => {
  const { now } = model
  const freshUntil = askedAt + given.ttlMillis
  const facts = {
    weight: given.weight,
    confirmedAt: askedAt,
    freshUntil,
    deadAt: freshUntil + given.graceMillis,
  }
  const entry = given.isAbsent
    ? absent(token.key, { ...facts, deadAt: freshUntil })
    : present(token.key, `${token.id} at ${now}`, facts)
  const admission = token.purpose === "write" ? "evict" : given.admission
  return step(
    (state) =>
      token.purpose === "write"
        ? CacheState.settleWrite(state, token, entry, now)
        : CacheState.settle(state, token, entry, now, admission),
    (settled) => model.settled(token, entry, admission, settled),
  )
}
