/** A store some of whose answers to reads arrive late, so that writes overtake them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Store } from "../../src/store/Store.ts"
import type { Seeded } from "./Seeded.ts"

const PART = 0.4
const MAX_MILLIS = 5

export const layer = <E>(random: Seeded, store: Layer.Layer<Store, E>): Layer.Layer<Store, E> => {
  const late = <A, F>(read: Effect.Effect<A, F>): Effect.Effect<A, F> =>
    Effect.tap(read, () => (random.chance(PART) ? Effect.sleep(random.between(0, MAX_MILLIS)) : Effect.void))
  return Layer.effect(
    Store,
    Effect.map(Store, (inner) =>
      Store.of({
        ...inner,
        read: (key) => late(inner.read(key)),
        readMany: (keys) => late(inner.readMany(keys)),
      }),
    ),
  ).pipe(Layer.provide(store))
}
