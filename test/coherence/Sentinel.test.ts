/** Another server becomes the master that sentinels name, and the cache follows with all it has. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Cache from "../../src/cache/Cache.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as RedisSentinelServer from "../RedisSentinelServer.ts"
import { connectionsOf, until } from "../store/ClusterFollowed.ts"
import {
  agree,
  assertNotSilent,
  at,
  connected,
  fence,
  Foreign,
  held,
  hold,
  live,
  notLive,
  read,
  text,
  watch,
} from "./Coherent.ts"

const { RedisSentinelServer: Sentinels } = RedisSentinelServer

/** Writes to whoever is the master. */
const foreign = Layer.effect(
  Foreign,
  Effect.map(Sentinels, ({ master }) =>
    Foreign.of({ cli: (...command) => Effect.flatMap(master, (node) => node.cli(...command)) }),
  ),
)

const followed = Layer.unwrap(Effect.map(Sentinels, ({ url }) => at(url))).pipe(Layer.provideMerge(foreign))

const replicated = (node: RedisSentinelServer.Node, key: string, value: string) =>
  until(Effect.map(node.cli("GET", key), (found) => found === value))

layer(RedisSentinelServer.layer, { excludeTestServices: true })("coherence with sentinels", (it) => {
  it.effect("42: after a failover data and tracker are on the same new master, and nothing old is seen", () =>
    Effect.gen(function* () {
      const sentinels = yield* Sentinels
      yield* sentinels.settled
      yield* Effect.gen(function* () {
        const { put, stats } = yield* Cache.Cache
        const { status } = yield* Tracker
        const [old, next] = [yield* sentinels.master, yield* sentinels.replica]
        yield* hold("key", "1")
        yield* replicated(next, "key", "1")
        const { epoch } = yield* stats
        const seen = yield* watch(["key"])
        yield* sentinels.failover
        yield* until(Effect.map(stats, (now) => now.epoch > epoch))
        yield* sentinels.named(next)
        yield* until(Effect.sync(() => status() === "live"))
        yield* connected
        yield* until(Effect.as(put("own", text("own")), true))
        assert.strictEqual(yield* next.cli("GET", "own"), "own")
        for (const value of ["2", "3"]) {
          yield* next.cli("SET", "key", value)
          yield* fence
          assert.strictEqual(yield* read("key"), value)
        }
        assert.strictEqual(seen.backwards, 0)
        assert.deepStrictEqual(yield* connectionsOf(next), { data: 1, trackers: 1 })
        // A server that is not the master any more is left after a while.
        yield* until(Effect.map(connectionsOf(old), ({ data, trackers }) => data === 0 && trackers === 0))
      }).pipe(Effect.scoped, Effect.provide(followed))
    }),
  )

  it.effect("42: so too after a crash of the master, and nobody is deceived meanwhile", () =>
    Effect.gen(function* () {
      const sentinels = yield* Sentinels
      yield* sentinels.settled
      yield* Effect.gen(function* () {
        const { put } = yield* Cache.Cache
        const [old, next] = [yield* sentinels.master, yield* sentinels.replica]
        yield* hold("key", "1")
        yield* replicated(next, "key", "1")
        yield* old.stop
        yield* notLive
        assert.strictEqual(yield* held("key"), "nothing")
        yield* assertNotSilent("key")
        assert.include(
          ["StoreUnavailable", "OutcomeUnknown"],
          (yield* Effect.flip(put("key", text("lost"))))._tag,
        )
        yield* live
        yield* connected
        assert.strictEqual(yield* read("key"), "1")
        yield* sentinels.named(next)
        yield* hold("key", "2")
        yield* next.cli("SET", "key", "3")
        yield* agree(["key"])
        assert.strictEqual(yield* read("key"), "3")
        assert.deepStrictEqual(yield* connectionsOf(next), { data: 1, trackers: 1 })
        yield* old.start
      }).pipe(Effect.provide(followed))
    }),
  )
})
