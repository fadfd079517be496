import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Gate from "./Gate.ts"
import * as SingleServers from "./SingleServers.ts"

layer(SingleServers.layer, { excludeTestServices: true })("chaos on one server", (it) => {
  it.effect(
    "no read is wrong and L1 agrees with Redis in the end, whatever breaks",
    () =>
      Effect.gen(function* () {
        const figures = yield* Gate.nothingIsWrong("pause", "long pause", "restart")
        assert.isAbove(figures.flushes, 0)
        assert.isAbove(figures.swapped?.alarms ?? 0, 0)
      }),
    Gate.TIMEOUT_MILLIS,
  )

  it.effect("the checker sees what happens without the guard", () => Gate.withoutTokens, Gate.TIMEOUT_MILLIS)
})
