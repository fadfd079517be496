/** Those who use the cache in a run: readers, writers, and one who calls the fence. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Cache, type ReadError, type Reading } from "../../src/cache/Cache.ts"
import * as Condition from "../../src/core/Condition.ts"
import * as EntityTag from "../../src/store/EntityTag.ts"
import { after, type WriteError } from "../../src/store/Store.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import type { Write } from "./Endings.ts"
import type { Begun, History } from "./History.ts"
import * as Keys from "./Keys.ts"
import type { Seeded } from "./Seeded.ts"
import { micros } from "./Time.ts"
import * as Value from "./Value.ts"

export interface Tally {
  reads: number
  hits: number
  staleServed: number
  readsFailed: number
  ownWrites: number
  ownUnknown: number
  ownRefused: number
  fences: number
  fencesFailed: number
}

export const tally = (): Tally => ({
  reads: 0,
  hits: 0,
  staleServed: 0,
  readsFailed: 0,
  ownWrites: 0,
  ownUnknown: 0,
  ownRefused: 0,
  fences: 0,
  fencesFailed: 0,
})

export interface Scene {
  readonly history: History
  readonly tally: Tally
  readonly isOver: () => boolean
}

const READS_PER_TURN = 8
const KEYS_PER_GET_MANY = 8
const GET_MANY_PART = 0.1
const PAUSE = "3 millis"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const valueOf = ({ entry }: Reading): string | undefined =>
  entry.value !== undefined ? String(entry.value) : undefined

const note = (
  { history, tally: counted }: Scene,
  begun: Begun,
  read: Result.Result<Reading, ReadError>,
): void => {
  counted.reads++
  if (Result.isFailure(read)) counted.readsFailed++
  // It says itself that it is old.
  else if (read.success.via._tag === "Stale") counted.staleServed++
  else {
    if (read.success.via._tag === "Hit") counted.hits++
    history.check(begun, valueOf(read.success))
  }
}

export const reader = Effect.fnUntraced(function* (scene: Scene, random: Seeded) {
  const { get, getMany } = yield* Cache
  while (!scene.isOver()) {
    for (let turn = 0; turn < READS_PER_TURN; turn++) {
      if (random.chance(GET_MANY_PART)) {
        const keys = Array.from({ length: KEYS_PER_GET_MANY }, () => Keys.any(random))
        const begun = keys.map((key) => scene.history.beginRead(key))
        const reads = yield* getMany(keys.map(Keys.name))
        for (const [index, read] of reads.entries()) {
          const of = begun[index]
          if (of !== undefined) note(scene, of, read)
        }
      } else {
        const key = Keys.any(random)
        const begun = scene.history.beginRead(key)
        note(scene, begun, yield* Effect.result(get(Keys.name(key))))
      }
    }
    yield* Effect.sleep(PAUSE)
  }
})

const LIFE_MIN_MILLIS = 20
const LIFE_MAX_MILLIS = 300

export const writer = Effect.fnUntraced(function* (scene: Scene, random: Seeded, index: number) {
  const cache = yield* Cache
  const { history, tally: counted } = scene
  const name = `o${index}`
  let sequence = 0

  const begin = (key: number, lifeMillis = 0) =>
    history.begin(key, (start) => Value.encode(name, sequence++, { key, lifeMillis, start }), lifeMillis)

  const settle = <A>(writing: Write, written: Result.Result<A, WriteError>): void => {
    if (Result.isSuccess(written)) {
      counted.ownWrites++
      return history.acknowledge(writing)
    }
    if (written.failure._tag === "OutcomeUnknown") {
      counted.ownUnknown++
      return history.doubt(writing)
    }
    counted.ownRefused++
    history.retract(writing)
  }

  const put = (key: number, lifeMillis: number) =>
    Effect.suspend(() => {
      const writing = begin(key, lifeMillis)
      const expiry = lifeMillis > 0 ? { expiry: after(lifeMillis) } : {}
      return Effect.map(
        Effect.result(cache.put(Keys.name(key), bytesOf(writing.text ?? ""), expiry)),
        (written) => settle(writing, written),
      )
    })

  const remove = (key: number) =>
    Effect.suspend(() => {
      const writing = history.begin(key)
      return Effect.map(Effect.result(cache.remove(Keys.name(key))), (removed) => settle(writing, removed))
    })

  /** Replaces what a read found, if Redis still has it. */
  const replace = Effect.fnUntraced(function* (key: number) {
    const read = yield* Effect.option(cache.get(Keys.name(key)))
    if (Option.isNone(read)) return
    const { entry } = read.value
    const begun = history.beginRead(key, true)
    const writing = begin(key)
    const condition =
      entry.value !== undefined ? Condition.ifTag(EntityTag.of(entry.value)) : Condition.ifAbsent
    const written = yield* Effect.result(
      cache.put(Keys.name(key), bytesOf(writing.text ?? ""), { condition }),
    )
    settle(writing, written)
    const replaced = valueOf(read.value)
    if (Result.isSuccess(written) && replaced !== undefined) history.checkReplaced(begun, replaced)
  })

  while (!scene.isOver()) {
    const key = Keys.anyMixed(random)
    const kind = random.next()
    if (kind < 0.5) yield* put(key, 0)
    else if (kind < 0.6) yield* put(key, Math.ceil(random.between(LIFE_MIN_MILLIS, LIFE_MAX_MILLIS)))
    else if (kind < 0.75) yield* remove(key)
    else yield* replace(key)
    const begun = history.beginRead(key)
    note(scene, begun, yield* Effect.result(cache.get(Keys.name(key))))
    yield* Effect.sleep(PAUSE)
  }
})

export const fencer = Effect.fnUntraced(function* ({ history, isOver, tally: counted }: Scene) {
  const tracker = yield* Tracker
  while (!isOver()) {
    if (yield* Effect.isSuccess(fenceOnce(history, tracker))) counted.fences++
    else counted.fencesFailed++
    yield* Effect.sleep(PAUSE)
  }
})

/** From now on no read may miss what had been acknowledged when this was called. */
export const fenceOnce = (history: History, tracker: Tracker["Service"]) =>
  Effect.suspend(() => {
    const acknowledged = history.floors.acknowledged()
    const calledAt = micros()
    return Effect.tap(tracker.fence, () => Effect.sync(() => history.fence(acknowledged, calledAt)))
  })

const PINGS = 10
const RESOLVE_EVERY = "50 millis"

/**
 * Ends the doubt about writes that nobody answered: a server that has answered ten others since, one after
 * the other, has handled what was in its sockets then. `ping` is one of each server; it waits for those that
 * are stopped.
 */
export const resolver = Effect.fnUntraced(function* <E>(
  { history, isOver }: Scene,
  ping: Effect.Effect<unknown, E>,
) {
  let open: ReadonlyArray<Parameters<History["resolve"]>[0]> = []
  while (!isOver()) {
    open = [...open, ...history.takeUnknown()]
    if (open.length > 0 && (yield* Effect.isSuccess(Effect.repeat(ping, { times: PINGS - 1 })))) {
      for (const write of open) history.resolve(write)
      open = []
    }
    yield* Effect.sleep(RESOLVE_EVERY)
  }
})
