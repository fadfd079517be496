/** A cluster changes shape under a cache that follows it: three masters, each with a replica. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Cache from "../../src/cache/Cache.ts"
import { Store } from "../../src/store/Store.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import { layer as clusterLayer, type Node, RedisClusterServer } from "../RedisClusterServer.ts"
import * as RedisProxy from "../RedisProxy.ts"
import { connectionsOf, until } from "../store/ClusterFollowed.ts"
import {
  agree,
  assertNotSilent,
  at,
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

const KEYS = Array.from({ length: 30 }, (_, index) => `key ${index}`)

const foreign = Layer.effect(
  Foreign,
  Effect.map(RedisClusterServer, ({ cli }) => Foreign.of({ cli })),
)

const followed = Layer.unwrap(Effect.map(RedisClusterServer, ({ url }) => at(url))).pipe(
  Layer.provideMerge(foreign),
)

const start = Effect.gen(function* () {
  const cluster = yield* RedisClusterServer
  yield* cluster.settled
  yield* cluster.flush
  return cluster
})

/** The slot of a key, who has it, and another master. */
const placeOf = Effect.fnUntraced(function* (key: string) {
  const cluster = yield* RedisClusterServer
  const from = yield* cluster.ownerOf(key)
  const to = (yield* cluster.masters).find((node) => node !== from)
  if (to === undefined) return yield* Effect.die("one master")
  return { slot: yield* cluster.slotOf(key), from, to }
})

/** How often a server was asked for a slot that it does not have yet. */
const asked = (node: Node) =>
  Effect.map(node.cli("INFO", "commandstats"), (info) =>
    Number(/cmdstat_asking:calls=(\d+)/u.exec(String(info))?.[1] ?? 0),
  )

const heldAre = (keys: ReadonlyArray<string>, value: string) =>
  Effect.map(Effect.forEach(keys, held), (all) => all.every((one) => one === value))

layer(clusterLayer, { excludeTestServices: true })("coherence with a cluster", (it) => {
  it.effect("36: writes on every master are followed", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      yield* Effect.gen(function* () {
        assert.strictEqual(new Set(yield* Effect.forEach(KEYS, cluster.ownerOf)).size, 3)
        for (const key of KEYS) yield* hold(key, "old")
        assert.isTrue(yield* heldAre(KEYS, "old"))
        for (const key of KEYS) yield* cluster.cli("SET", key, "new")
        yield* fence
        assert.isTrue(yield* heldAre(KEYS, "nothing"))
        for (const key of KEYS) assert.strictEqual(yield* read(key), "new")
      }).pipe(Effect.provide(followed))
    }),
  )

  it.effect(
    "37: a slot that moves key by key is read and written all the time, and nothing old is seen",
    () =>
      Effect.gen(function* () {
        const cluster = yield* start
        yield* Effect.gen(function* () {
          const { put } = yield* Cache.Cache
          const keys = Array.from({ length: 12 }, (_, index) => `{moving}${index}`)
          const { from, slot, to } = yield* placeOf("{moving}")
          const seen = yield* watch(keys)
          let version = 0
          const round = Effect.gen(function* () {
            version++
            for (const key of keys) {
              yield* cluster.cli("SET", key, `${version}`)
              yield* Effect.eventually(fence)
              assert.strictEqual(yield* read(key), `${version}`)
            }
          })
          yield* round
          yield* cluster.startMove(slot, from, to)
          yield* round
          // Half of the keys first: these are asked for where they are not any more.
          for (const key of keys.slice(0, 6))
            yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000")
          yield* round
          const before = yield* asked(to)
          yield* put("{moving}new", text("1"))
          assert.strictEqual(yield* read("{moving}new"), "1")
          assert.isAbove(yield* asked(to), before)
          assert.strictEqual(yield* to.cli("CLUSTER", "COUNTKEYSINSLOT", `${slot}`), 7)
          yield* cluster.moveKeys(slot, from, to)
          yield* round
          yield* cluster.finishMove(slot, from, to)
          yield* round
          yield* cluster.settled
          yield* round
          assert.isAbove(seen.reads, 100)
          assert.strictEqual(seen.backwards, 0)
        }).pipe(Effect.scoped, Effect.provide(followed))
      }),
  )

  it.effect("38: a slot that is taken, or moves while it is empty, leaves nothing old behind", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      yield* Effect.gen(function* () {
        const take = Effect.fnUntraced(function* (key: string) {
          const { from, slot, to } = yield* placeOf(key)
          yield* cluster.take(slot, from, to)
          // Nobody announces it: it is seen when the layout is looked at again.
          yield* until(heldAre([key], "nothing"))
          yield* cluster.settled
        })
        yield* hold("{taken}", "old")
        yield* take("{taken}")
        yield* agree(["{taken}"])
        assert.strictEqual(yield* read("{taken}"), undefined)
        assert.strictEqual(yield* read("{empty}"), undefined)
        assert.strictEqual(yield* held("{empty}"), "absent")
        yield* take("{empty}")
        assert.strictEqual(yield* read("{empty}"), undefined)
        yield* cluster.cli("SET", "{empty}", "new")
        yield* agree(["{taken}", "{empty}"])
        assert.strictEqual(yield* read("{empty}"), "new")
      }).pipe(Effect.provide(followed))
    }),
  )

  it.effect("39: writes on a replica that was promoted are followed from the first on", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      yield* Effect.gen(function* () {
        const { stats } = yield* Cache.Cache
        yield* hold("key", "old")
        const owner = yield* cluster.ownerOf("key")
        const replica = yield* cluster.replicaOf(owner)
        const { epoch } = yield* stats
        yield* cluster.promote(replica)
        // At once, also before the new layout is known here.
        yield* replica.cli("SET", "key", "first")
        yield* fence
        assert.strictEqual(yield* held("key"), "nothing")
        // Not wrong, that is: it may be that there is no data connection to the replica yet.
        assert.strictEqual(yield* Effect.eventually(read("key")), "first")
        yield* until(Effect.map(stats, (now) => now.epoch > epoch))
        yield* cluster.settled
        yield* hold("key", "second")
        // The master of old, a replica now, cannot tell.
        yield* owner.pause
        yield* replica.cli("SET", "key", "third")
        yield* until(heldAre(["key"], "nothing"))
        yield* owner.resume
        yield* until(Effect.as(fence, true))
        yield* agree(["key"])
        assert.strictEqual(yield* read("key"), "third")
      }).pipe(Effect.provide(followed))
    }),
  )

  it.effect("41: of a server that is added nothing is held until its tracker is live", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      yield* Effect.gen(function* () {
        const { stats } = yield* Cache.Cache
        const { status } = yield* Tracker
        const { from, slot } = yield* placeOf("key")
        const scope = yield* Effect.scope
        let proxy: RedisProxy.RedisProxy["Service"] | undefined
        // It tells everybody that it is where the proxy is, which lets through all but what the tracker waits for.
        const added = yield* cluster.add(
          Effect.fnUntraced(function* (node) {
            proxy = yield* Scope.provide(RedisProxy.make(node.port), scope)
            yield* proxy.hold("signals")
            yield* node.cli("CONFIG", "SET", "cluster-announce-port", `${proxy.port}`)
            yield* node.cli("CONFIG", "SET", "cluster-announce-bus-port", `${node.port + 10_000}`)
          }),
        )
        if (proxy === undefined) return assert.fail("no proxy")
        yield* notLive
        yield* proxy.held("signals", "OK")
        yield* cluster.settled
        yield* cluster.take(slot, from, added)
        yield* cluster.settled
        yield* cluster.cli("SET", "key", "there")
        const { fills } = yield* stats
        yield* Effect.eventually(read("key"))
        for (let round = 0; round < 20; round++) {
          assert.strictEqual(yield* read("key"), "there")
          assert.strictEqual(yield* held("key"), "nothing")
        }
        assert.strictEqual((yield* stats).fills, fills)
        assert.notStrictEqual(status(), "live")
        yield* proxy.release("signals")
        yield* live
        assert.strictEqual(yield* read("key"), "there")
        assert.strictEqual(yield* held("key"), "there")
        yield* cluster.cli("SET", "key", "newer")
        yield* agree(["key"])
        assert.strictEqual(yield* read("key"), "newer")
        yield* cluster.take(slot, added, from)
        yield* until(heldAre(["key"], "nothing"))
        const id = yield* cluster.idOf(added)
        for (const node of cluster.nodes()) if (node !== added) yield* node.cli("CLUSTER", "FORGET", id)
      }).pipe(Effect.scoped, Effect.provide(followed))
    }),
  )

  it.effect("40: a master that is killed is replaced, with one tracker a server, and nothing left over", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
      const warnings: Array<unknown> = []
      const warn = (warning: unknown) => warnings.push(warning)
      process.on("warning", warn)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", warn)))
      const outside = sockets()
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(Layer.build(followed), scope)
      const before = sockets()
      yield* Effect.gen(function* () {
        const { status } = yield* Tracker
        for (const key of KEYS) yield* hold(key, "old")
        const victim = yield* cluster.ownerOf("key 0")
        const lost = yield* Effect.filter(KEYS, (key) =>
          Effect.map(cluster.ownerOf(key), (node) => node === victim),
        )
        yield* victim.stop
        yield* notLive
        assert.isTrue(yield* heldAre(KEYS, "nothing"))
        // Who asks meanwhile is not deceived, and does not wait for ever.
        yield* assertNotSilent("key 0")
        for (const key of lost) yield* cluster.cli("SET", key, "new")
        yield* live
        yield* until(agree(KEYS).pipe(Effect.as(true)))
        for (const key of KEYS) assert.strictEqual(yield* read(key), lost.includes(key) ? "new" : "old")
        for (const key of KEYS) yield* cluster.cli("SET", key, "newer")
        yield* agree(KEYS)
        for (const node of cluster.nodes()) {
          if (node !== victim) assert.deepStrictEqual(yield* connectionsOf(node), { data: 1, trackers: 1 })
        }
        yield* victim.start
        yield* cluster.settled
        for (const node of cluster.nodes()) {
          yield* until(Effect.map(connectionsOf(node), ({ data, trackers }) => data === 1 && trackers === 1))
        }
        yield* until(Effect.sync(() => status() === "live"))
        yield* until(Effect.sync(() => sockets() <= before))
      }).pipe(Effect.provide(cache))
      yield* Scope.close(scope, Exit.void)
      yield* until(Effect.sync(() => sockets() <= outside))
      for (const node of cluster.nodes()) {
        assert.deepStrictEqual(yield* connectionsOf(node), { data: 0, trackers: 0 })
      }
      assert.deepStrictEqual(warnings, [])
      assert.strictEqual(Context.get(cache, Tracker).status(), "down")
      assert.strictEqual((yield* Effect.flip(Context.get(cache, Store).probe))._tag, "StoreUnavailable")
    }),
  )
})
