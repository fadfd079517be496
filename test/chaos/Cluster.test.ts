import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ClusterServers from "./ClusterServers.ts"
import * as Gate from "./Gate.ts"

layer(ClusterServers.layer, { excludeTestServices: true })("chaos on a cluster", (it) => {
  it.effect(
    "no read is wrong and L1 agrees with Redis in the end, whoever has which slot",
    () =>
      Effect.gen(function* () {
        const figures = yield* Gate.nothingIsWrong(
          "failover",
          "forced failover",
          "move slot",
          "take slot",
          "kill master",
        )
        assert.isAbove(figures.keysLostInFailovers, 0)
      }),
    Gate.TIMEOUT_MILLIS,
  )

  it.effect(
    "the checker sees what happens when it is not heard of that a slot was taken",
    () => Gate.withoutLosses("take slot"),
    Gate.TIMEOUT_MILLIS,
  )
})
