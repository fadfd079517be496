import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as StoreSqlite from "../../src/store/StoreSqlite.ts"
import * as StoreContract from "./StoreContract.ts"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"

layer(Layer.empty)("StoreSqlite", (it) => {
  StoreContract.check(it, {
    empty: Layer.unwrap(Effect.map(TemporaryDirectory.make, (directory) => StoreSqlite.layer({ directory }))),
    outlive: (_key, millis) => TestClock.adjust(millis),
  })
})
