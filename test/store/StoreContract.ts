/** What every store promises, as one suite that each layer runs. */
import type { Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Store } from "../../src/store/Store.ts"
import * as Comparing from "./contract/Comparing.ts"
import * as Conditions from "./contract/Conditions.ts"
import * as Expiry from "./contract/Expiry.ts"
import * as Listing from "./contract/Listing.ts"
import * as Values from "./contract/Values.ts"

export interface Subject<R> {
  /** A store with nothing in it, for one test. */
  readonly empty: Layer.Layer<Store, unknown, R>
  /** Lets time pass until the store must have forgotten a key, which it does in `millis` from the write. */
  readonly outlive: (key: string, millis: number) => Effect.Effect<void, never, R>
}

/** Declares one test on an empty store. */
export type Declare<R> = (name: string, test: () => Effect.Effect<void, unknown, Store | R>) => void

export const check = <R>(it: Vitest.MethodsNonLive<R>, subject: Subject<R>): void => {
  const declare: Declare<R> = (name, test) =>
    it.effect(name, () => Effect.provide(Effect.suspend(test), subject.empty))
  Values.check(declare)
  Expiry.check(declare, subject.outlive)
  Comparing.check(declare, subject.outlive)
  Conditions.check(declare)
  Listing.check(declare, subject.outlive)
}
