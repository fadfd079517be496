import { layer } from "@effect/vitest"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as StoreMemory from "../../src/store/StoreMemory.ts"
import * as StoreContract from "./StoreContract.ts"

layer(Layer.empty)("StoreMemory", (it) => {
  StoreContract.check(it, {
    empty: Layer.fresh(StoreMemory.layer),
    outlive: (_key, millis) => TestClock.adjust(millis),
  })
})
