/**
 * A store that does what it is told: it wraps a real one, holds its answers back, fails on demand and counts
 * what it is asked. Answers are made when the question arrives, as a server does, and held on their way back.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Store, StoreUnavailable, WrongType } from "../../src/store/Store.ts"
import * as StoreMemory from "../../src/store/StoreMemory.ts"

export class Chaos extends Context.Service<
  Chaos,
  {
    /** The store as it is, for a foreign writer. */
    readonly foreign: Store["Service"]
    /** Every answer of a read waits from here on, until the returned effect has run. */
    readonly holdReads: Effect.Effect<Effect.Effect<void>>
    readonly holdWrites: Effect.Effect<Effect.Effect<void>>
    /** The key holds no string of bytes any more, as far as reads can see. */
    readonly retype: (key: string) => Effect.Effect<void>
    readonly down: Effect.Effect<void>
    readonly up: Effect.Effect<void>
    /** Questions so far. */
    readonly asked: () => { readonly reads: number; readonly readManys: number; readonly lists: number }
    /** Keys of each readMany and compareMany so far. */
    readonly batches: () => ReadonlyArray<number>
  }
>()("test/Chaos") {}

const make = Effect.gen(function* () {
  const foreign = yield* Store
  const asked = { reads: 0, readManys: 0, lists: 0 }
  const batches: Array<number> = []
  const retyped = new Set<string>()
  let isDown = false
  let reads: Deferred.Deferred<void> | undefined
  let writes: Deferred.Deferred<void> | undefined

  const hold = (set: (gate: Deferred.Deferred<void> | undefined) => void) =>
    Effect.map(Deferred.make<void>(), (gate) => {
      set(gate)
      return Effect.suspend(() => {
        set(undefined)
        return Effect.asVoid(Deferred.succeed(gate, undefined))
      })
    })

  const guard = <A, E>(
    gate: () => Deferred.Deferred<void> | undefined,
    effect: Effect.Effect<A, E>,
  ): Effect.Effect<A, E | StoreUnavailable> =>
    Effect.suspend((): Effect.Effect<A, E | StoreUnavailable> => {
      if (isDown) return Effect.fail(new StoreUnavailable({ reason: "told to be down" }))
      const closed = gate()
      return closed === undefined
        ? effect
        : Effect.flatMap(Effect.exit(effect), (exit) => Effect.andThen(Deferred.await(closed), exit))
    })

  const chaotic = Store.of({
    ...foreign,
    read: (key) => {
      asked.reads++
      return retyped.has(key) ? Effect.fail(new WrongType({ key })) : guard(() => reads, foreign.read(key))
    },
    readMany: (keys) => {
      asked.readManys++
      batches.push(keys.length)
      return guard(() => reads, foreign.readMany(keys))
    },
    compareMany: (questions) => {
      batches.push(questions.length)
      const answers = Effect.map(foreign.compareMany(questions), (found) =>
        found.map((answer, index) => {
          const key = questions[index]?.key ?? ""
          return retyped.has(key) ? Result.fail(new WrongType({ key })) : answer
        }),
      )
      return guard(() => reads, answers)
    },
    write: (key, bytes, options) => guard(() => writes, foreign.write(key, bytes, options)),
    remove: (key, options) => guard(() => writes, foreign.remove(key, options)),
    list: (options) => {
      asked.lists++
      return guard(() => undefined, foreign.list(options))
    },
    count: guard(() => undefined, foreign.count),
    probe: guard(() => undefined, foreign.probe),
  })

  return Context.make(Store, chaotic).pipe(
    Context.add(
      Chaos,
      Chaos.of({
        foreign,
        holdReads: hold((gate) => (reads = gate)),
        holdWrites: hold((gate) => (writes = gate)),
        retype: (key) => Effect.sync(() => retyped.add(key)),
        down: Effect.sync(() => {
          isDown = true
        }),
        up: Effect.sync(() => {
          isDown = false
        }),
        asked: () => ({ ...asked }),
        batches: () => [...batches],
      }),
    ),
  )
})

export const layer: Layer.Layer<Store | Chaos> = Layer.effectContext(make).pipe(
  Layer.provide(StoreMemory.layer),
)

/** Until the store has been asked for many keys. */
export const untilAsked = Effect.flatMap(Chaos, ({ batches }) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(batches)), { until: (all) => all.length > 0 }),
)

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
