/**
 * One round of the resync: L1 is held against the store, slice by slice, and repaired; then what L1 lacks is
 * taken in from the store, as far as there is room.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { entryOf } from "../cache/Content.ts"
import { L1 } from "../cache/L1.ts"
import * as CacheState from "../core/CacheState.ts"
import { type Entry, type Key, weigh } from "../core/Entry.ts"
import type { Token } from "../core/Fill.ts"
import * as Lifetime from "../core/Lifetime.ts"
import * as Resync from "../core/Resync.ts"
import * as Snapshot from "../core/Snapshot.ts"
import * as EntityTag from "../store/EntityTag.ts"
import {
  COMPARE_MAX_BYTES,
  type Compared,
  type Known,
  type Listed,
  Store,
  type StoreUnavailable,
} from "../store/Store.ts"
import { Tracker } from "../store/Tracker.ts"

/**
 * Why a round ended.
 *
 * - `complete`: everything in L1 was compared, and everything in the store was looked at.
 * - `compared`: everything in L1 was compared; the store has more keys than L1 has room, so it was not listed.
 * - `no-room`: L1 had no more room for what was added to the store.
 * - `store-unavailable`: the store failed.
 * - `not-live`: writes may be missed at this moment, so L1 takes nothing in; it is tried again on schedule.
 */
export const STOPPED = ["complete", "compared", "no-room", "store-unavailable", "not-live"] as const

export type Stopped = (typeof STOPPED)[number]

/** What a round has found so far. */
export interface Found {
  /** Entries of L1 that were compared. */
  checked: number
  changed: number
  removed: number
  added: number
  /** Differences that no write explains. There should be none: each is a defect, here or in what is between. */
  alarms: number
}

export const nothing: Readonly<Found> = { checked: 0, changed: 0, removed: 0, added: 0, alarms: 0 }

interface Answer {
  readonly token: Token
  readonly entry: Entry
}

/**
 * How much of L1 one question to the store is about: few enough keys that going through the answer holds the
 * event loop for no longer than a request does, and few enough bytes that no reply is huge, and that the store
 * compares all of them. A larger value is a question of its own.
 */
const SLICE_MAX = 100
const SLICE_MAX_BYTES = COMPARE_MAX_BYTES

/** Keys of the store that are looked at together. */
const PAGE = 500

export interface Options {
  readonly lifetime: Lifetime.Lifetime
  /** Rests between two questions: the longer, the less requests notice of a round. Default 0. */
  readonly pause?: Duration.Input
}

/** The round, to be run again and again: it adds to what it is given. */
export const make = Effect.fnUntraced(function* ({ lifetime, pause = 0 }: Options) {
  const l1 = yield* L1
  const store = yield* Store
  const tracker = yield* Tracker
  const random = yield* Random.Random

  /** What the store answered, as an entry. A key that is no string of bytes any more is one without a value. */
  const answerOf = (key: Key, known: Entry | undefined, answer: Option.Option<Compared>, askedAt: number) => {
    const part = random.nextDoubleUnsafe()
    if (known?.value !== undefined && Option.isSome(answer) && Option.isNone(answer.value.bytes)) {
      const deadlines = Lifetime.ofValue(lifetime, askedAt, answer.value.ttlMillis, part)
      return Resync.confirmed(known, askedAt, deadlines)
    }
    const stored = Option.flatMap(answer, ({ bytes, ttlMillis }) =>
      Option.map(bytes, (sent) => ({ bytes: sent, ttlMillis })),
    )
    return entryOf(lifetime, key, stored, askedAt, part, known)
  }

  const ask = Effect.fnUntraced(function* (tokens: ReadonlyArray<Token>) {
    const askedAt = l1.now()
    const asked = tokens.map((token) => ({ token, known: CacheState.peek(l1.current(), token.key, askedAt) }))
    const questions = asked.map(({ known, token }) => ({ key: token.key, known: versionOf(known) }))
    const answers = yield* store.compareMany(questions)
    return asked.map(({ known, token }, index) => {
      const found = answers[index]
      const answer = found === undefined ? Option.none() : Result.getOrElse(found, () => Option.none())
      return { token, entry: answerOf(token.key, known, answer, askedAt) }
    })
  })

  /**
   * What contradicts the store may be a write whose invalidation is still on its way. After a fence it is not:
   * an explained one has withdrawn the token by then, and what still contradicts should not have happened.
   */
  const raiseAlarms = Effect.fnUntraced(function* (answers: ReadonlyArray<Answer>) {
    const doubtful = () =>
      answers.filter(({ entry, token }) => Resync.contradicts(l1.current(), token, entry, l1.now()))
    if (tracker.status() !== "live" || doubtful().length === 0) return 0
    const fenced = yield* Effect.isSuccess(tracker.fence)
    return fenced ? doubtful().length : 0
  })

  const repair = Effect.fnUntraced(function* (tokens: ReadonlyArray<Token>, found: Found, adopting: boolean) {
    const answers = yield* ask(tokens)
    found.alarms += yield* raiseAlarms(answers)
    let room = true
    for (const { entry, token } of answers) {
      const finding = l1.modify((state) => Resync.reconcile(state, token, entry, l1.now(), adopting))
      if (!adopting) found.checked++
      if (finding === "changed" || finding === "removed" || finding === "added") found[finding]++
      if (finding === "no-room") room = false
    }
    return room
  })

  /** Tokens for those of the keys that nobody else is about to know. */
  const take = (keys: ReadonlyArray<Key>) =>
    Effect.sync(() =>
      keys.flatMap((key) => Option.toArray(l1.modify((state) => CacheState.beginResync(state, key)))),
    )

  const giveBack = (tokens: ReadonlyArray<Token>) =>
    Effect.sync(() => l1.modify((state) => [undefined, tokens.reduce(CacheState.abandon, state)]))

  /** Compares with the store and repairs L1; `false` when there was no room for what was to be adopted. */
  const slice = (keys: ReadonlyArray<Key>, found: Found, adopting: boolean) =>
    // Requests that came in the meantime go first.
    Effect.andThen(
      Effect.sleep(pause),
      Effect.acquireUseRelease(take(keys), (tokens) => repair(tokens, found, adopting), giveBack),
    )

  const compare = Effect.fnUntraced(function* (found: Found) {
    const snapshot = Snapshot.take(l1.current(), l1.now())
    let keys: Array<Key> = []
    let bytes = 0
    for (const { key, weight } of snapshot.entries) {
      if (keys.length === SLICE_MAX || (keys.length > 0 && bytes + weight > SLICE_MAX_BYTES)) {
        yield* slice(keys, found, false)
        keys = []
        bytes = 0
      }
      keys.push(key)
      bytes += weight
    }
    if (keys.length > 0) yield* slice(keys, found, false)
  })

  /** Those of a page that L1 lacks, as far as they fit; what does not fit is not even read. */
  const lacking = (page: ReadonlyArray<Listed>) => {
    const state = l1.current()
    const now = l1.now()
    const slices: Array<Array<Key>> = []
    let room = state.bounds.maxBytes - CacheState.bytes(state)
    let places = state.bounds.maxEntries - CacheState.size(state)
    let bytes = Infinity
    for (const { key, size } of page) {
      if (CacheState.peek(state, key, now)?.value !== undefined) continue
      const weight = weigh(key, size)
      if (weight > room || places < 1) return { slices, fits: false }
      room -= weight
      places--
      const last = slices.at(-1)
      if (last === undefined || last.length === SLICE_MAX || bytes + weight > SLICE_MAX_BYTES) {
        slices.push([key])
        bytes = weight
      } else {
        last.push(key)
        bytes += weight
      }
    }
    return { slices, fits: true }
  }

  const adopt = Effect.fnUntraced(function* (found: Found): Effect.fn.Return<Stopped, StoreUnavailable> {
    const state = l1.current()
    const count = yield* store.count
    if (count >= state.bounds.maxEntries - CacheState.size(state)) return "compared"
    let cursor = Option.none<string>()
    do {
      const page = yield* Effect.catchTag(
        store.list({ prefix: "", limit: PAGE, cursor }),
        "BadCursor",
        Effect.die,
      )
      const { fits, slices } = lacking(page.keys)
      for (const keys of slices) {
        if (!(yield* slice(keys, found, true))) return "no-room"
      }
      if (!fits) return "no-room"
      cursor = page.cursor
    } while (Option.isSome(cursor))
    return "complete"
  })

  return (found: Found): Effect.Effect<Stopped, StoreUnavailable> => {
    const status = tracker.status()
    if (status === "arming" || status === "down") return Effect.succeed("not-live")
    return Effect.andThen(compare(found), adopt(found))
  }
})

const versionOf = (entry: Entry | undefined): Option.Option<Known> => {
  if (entry?.value === undefined) return Option.none()
  const { value } = entry
  return Option.some({
    size: Buffer.byteLength(value),
    // Computed for those only that the store is to compare.
    get etag() {
      return EntityTag.of(value)
    },
  })
}
