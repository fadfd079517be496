import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Gate from "./Gate.ts"
import * as SentinelServers from "./SentinelServers.ts"

layer(SentinelServers.layer, { excludeTestServices: true })("chaos behind sentinels", (it) => {
  it.effect(
    "no read is wrong and L1 agrees with Redis in the end, whoever is the master",
    () =>
      Effect.gen(function* () {
        const figures = yield* Gate.nothingIsWrong("failover", "split failover", "kill master")
        assert.isAbove(figures.keysLostInFailovers, 0)
      }),
    Gate.TIMEOUT_MILLIS,
  )

  it.effect(
    "the checker sees what happens when a failover is not heard of",
    () => Gate.withoutLosses("split failover"),
    Gate.TIMEOUT_MILLIS,
  )
})
