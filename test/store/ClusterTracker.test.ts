import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Signal } from "../../src/store/Tracker.ts"
import { layer as clusterLayer, RedisClusterServer } from "../RedisClusterServer.ts"
import { ABSENT, connect, connectionsOf, open, until } from "./ClusterFollowed.ts"
import { keysOf } from "./TrackerRecorder.ts"
import { utf8 } from "./samples.ts"

const KEYS = Array.from({ length: 30 }, (_, index) => `key ${index}`)

const start = Effect.gen(function* () {
  const cluster = yield* RedisClusterServer
  yield* cluster.settled
  yield* cluster.flush
  return cluster
})

const tagsOf = (signals: ReadonlyArray<Signal>) => [...new Set(signals.map(({ _tag }) => _tag))]

layer(clusterLayer, { excludeTestServices: true })("TrackerRedis on a cluster", (it) => {
  it.effect("writes on every master are heard", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { near, sink } = yield* open(cluster.url)
      const owners = yield* Effect.forEach(KEYS, cluster.ownerOf)
      assert.strictEqual(new Set(owners).size, 3)
      for (const value of ["one", "two"]) {
        const heard = yield* sink.heardOf(Effect.forEach(KEYS, (key) => cluster.cli("SET", key, value)))
        assert.deepStrictEqual(keysOf(heard).toSorted(), KEYS.toSorted())
        for (const key of KEYS) assert.strictEqual(yield* near.read(key), value)
        assert.strictEqual(near.held().size, KEYS.length)
      }
    }),
  )

  it.effect("one server followed is not enough: with the others left out, writes are missed", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { sink } = yield* open(cluster.url, (servers) => ({
        ...servers,
        nodes: () => servers.nodes().filter(({ slots }) => slots[0] === 0),
      }))
      const heard = yield* sink.heardOf(Effect.forEach(KEYS, (key) => cluster.cli("SET", key, "value")))
      assert.isBelow(keysOf(heard).length, KEYS.length)
    }),
  )

  it.effect("a fence waits for every server", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { sink, tracker } = yield* open(cluster.url)
      for (const node of cluster.nodes()) {
        yield* node.pause
        const early = yield* Effect.timeoutOption(tracker.fence, "50 millis")
        yield* node.resume
        assert.isTrue(Option.isNone(early))
        yield* tracker.fence
      }
      assert.deepStrictEqual(sink.signals(), [])
    }),
  )

  it.effect("a flush of one master is heard, and a canary of each", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { sink, tracker } = yield* open(cluster.url)
      for (const master of yield* cluster.masters) {
        assert.deepStrictEqual(tagsOf(yield* sink.heardOf(master.cli("FLUSHALL"))), ["Flushed"])
      }
      yield* sink.forget
      yield* sink.until("RoundTrip", 6)
      assert.strictEqual(tracker.status(), "live")
      const [master] = yield* cluster.masters
      if (master === undefined) return assert.fail("no master")
      yield* sink.forget
      // Another session than the tracker's cannot switch its tracking off; a killed one is armed again.
      yield* master.cli("CLIENT", "KILL", "TYPE", "pubsub")
      yield* sink.until("Lost")
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
    }),
  )

  it.effect("a slot that moves key by key is read and written without a stale value", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { near, servers, store, tracker } = yield* open(cluster.url)
      const keys = Array.from({ length: 12 }, (_, index) => `{moving}${index}`)
      const slot = yield* cluster.slotOf("{moving}")
      const from = yield* cluster.ownerOf("{moving}")
      const to = (yield* cluster.masters).find((node) => node !== from) ?? from
      let version = 0
      const round = Effect.gen(function* () {
        version++
        for (const key of keys) {
          yield* cluster.cli("SET", key, `${version}`)
          yield* tracker.fence.pipe(Effect.eventually)
          assert.strictEqual(yield* near.read(key), `${version}`)
          assert.strictEqual(yield* near.read(key), `${version}`)
        }
      })
      yield* round
      yield* cluster.startMove(slot, from, to)
      yield* round
      // Half of the keys first: the rest are asked for where they are not any more.
      for (const key of keys.slice(0, 6))
        yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000")
      yield* round
      yield* store.write("{moving}new", utf8("1"))
      assert.strictEqual(yield* near.read("{moving}new"), "1")
      assert.strictEqual(yield* to.cli("CLUSTER", "COUNTKEYSINSLOT", `${slot}`), 7)
      assert.strictEqual((yield* store.readMany([...keys, "{moving}new", "elsewhere"])).length, 14)
      yield* cluster.moveKeys(slot, from, to)
      yield* round
      yield* cluster.finishMove(slot, from, to)
      yield* round
      yield* until(Effect.sync(() => servers.ownerOf(slot)?.port === to.port))
      yield* round
    }),
  )

  for (const guarded of [true, false]) {
    it.effect(
      guarded
        ? "a slot that is taken, or moves empty, leaves nothing old behind"
        : "moves of slots are not heard from the servers: without watching the layout the old stays",
      () =>
        Effect.gen(function* () {
          const cluster = yield* start
          const { near, servers, sink, tracker } = yield* open(cluster.url, (all) =>
            guarded ? all : { ...all, watch: () => Effect.void },
          )
          const names = guarded ? ["{taken}", "{empty}"] : ["{stolen}", "{void}"]
          const [taken = "", empty = ""] = names
          const follow = Effect.fnUntraced(function* (key: string) {
            const slot = yield* cluster.slotOf(key)
            const from = yield* cluster.ownerOf(key)
            const to = (yield* cluster.masters).find((node) => node !== from) ?? from
            yield* sink.forget
            yield* cluster.take(slot, from, to)
            yield* until(Effect.sync(() => servers.ownerOf(slot)?.port === to.port))
            if (guarded) yield* sink.until("Flushed")
            yield* cluster.settled
            yield* tracker.fence
          })
          yield* cluster.cli("SET", taken, "old")
          yield* tracker.fence
          assert.strictEqual(yield* near.read(taken), "old")
          assert.strictEqual(yield* near.read(empty), ABSENT)
          yield* follow(taken)
          assert.strictEqual(yield* near.read(taken), guarded ? ABSENT : "old")
          yield* follow(empty)
          assert.strictEqual(yield* near.read(empty), ABSENT)
          yield* cluster.cli("SET", empty, "new")
          yield* tracker.fence
          assert.strictEqual(yield* near.read(empty), "new")
        }),
    )
  }

  it.effect("a redirect is a change of the layout too, heard before the answer", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { near, servers, sink } = yield* open(cluster.url)
      const slot = yield* cluster.slotOf("{redirected}")
      const from = yield* cluster.ownerOf("{redirected}")
      const to = (yield* cluster.masters).find((node) => node !== from) ?? from
      yield* near.read("{redirected}held")
      yield* sink.forget
      yield* cluster.take(slot, from, to)
      // Asked again and again, so that the redirect comes before the next look at the layout does, or with it.
      yield* until(
        Effect.map(near.read(`{redirected}${Math.random()}`), () => servers.ownerOf(slot)?.port === to.port),
      )
      assert.deepStrictEqual(tagsOf(sink.signals()), ["Flushed"])
      assert.isFalse(near.held().has("{redirected}held"))
    }),
  )

  for (const guarded of [true, false]) {
    it.effect(
      guarded
        ? "a replica that is promoted is heard from its first write on"
        : "a tracker of the masters of the beginning is deaf after a promotion",
      () =>
        Effect.gen(function* () {
          const cluster = yield* start
          const { near, servers, sink, tracker } = yield* open(cluster.url, (all) => {
            const masters = all.nodes().filter(({ slots }) => slots.length > 0)
            return guarded ? all : { ...all, nodes: () => masters }
          })
          const key = "key"
          yield* cluster.cli("SET", key, "old")
          yield* tracker.fence
          assert.strictEqual(yield* near.read(key), "old")
          const slot = yield* cluster.slotOf(key)
          const owner = yield* cluster.ownerOf(key)
          const replica = yield* cluster.replicaOf(owner)
          yield* sink.forget
          yield* cluster.promote(replica)
          if (guarded) {
            // At once, also before the new layout is known here.
            yield* replica.cli("SET", key, "first")
            yield* tracker.fence
            assert.strictEqual(yield* near.read(key), "first")
          }
          yield* until(Effect.sync(() => servers.ownerOf(slot)?.port === replica.port))
          yield* cluster.settled
          assert.deepStrictEqual(
            tagsOf(sink.signals()).filter((tag) => tag !== "Invalidated"),
            ["Flushed"],
          )
          const held = yield* near.read(key)
          // The master of old, now a replica, would hear of the write too, but later.
          yield* owner.pause
          yield* replica.cli("SET", key, "second")
          if (!guarded) assert.strictEqual(yield* near.read(key), held)
          yield* owner.resume
          if (guarded) {
            yield* tracker.fence
            assert.strictEqual(yield* near.read(key), "second")
          }
        }),
    )
  }

  it.effect("servers that refuse are unsupported once, and live when none of them does any more", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const allow = (rule: string) =>
        Effect.forEach(cluster.nodes(), (node) => node.cli("ACL", "SETUSER", "default", rule))
      const refused = Effect.map(
        Effect.forEach(cluster.nodes(), (node) => node.cli("ACL", "LOG")),
        (logs) => logs.every((log) => Number(/count,(\d+)/u.exec(String(log))?.[1]) >= 3),
      )
      yield* Effect.acquireRelease(allow("resetchannels"), () => allow("&*"))
      const { near, sink, tracker } = yield* connect(cluster.url)
      // Each of them some times.
      yield* until(refused)
      assert.deepStrictEqual(sink.tags(), ["Unsupported"])
      assert.strictEqual(tracker.status(), "unsupported")
      assert.strictEqual((yield* Effect.flip(tracker.fence))._tag, "NotLive")
      const [first, ...others] = cluster.nodes()
      for (const node of others) yield* node.cli("ACL", "SETUSER", "default", "&*")
      for (const node of others) {
        yield* until(Effect.map(connectionsOf(node), ({ trackers }) => trackers === 1))
      }
      assert.deepStrictEqual(sink.tags(), ["Unsupported"])
      yield* first?.cli("ACL", "SETUSER", "default", "&*") ?? Effect.die("no nodes")
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Unsupported", "Live"])
      yield* cluster.cli("SET", "key", "1")
      yield* tracker.fence
      assert.strictEqual(yield* near.read("key"), "1")
      const heard = yield* sink.heardOf(cluster.cli("SET", "key", "2"))
      assert.deepStrictEqual(keysOf(heard), ["key"])
      // And once more, which is told once more.
      yield* sink.forget
      yield* allow("resetchannels")
      yield* sink.until("Unsupported")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Unsupported"])
    }),
  )

  it.effect("a server that is added is missed until it is followed", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const { near, servers, sink, tracker } = yield* open(cluster.url)
      yield* near.read("key")
      // Nobody gets an answer from it, but the other servers do.
      const added = yield* cluster.add((node) => node.cli("CLIENT", "PAUSE", "700", "ALL"))
      yield* sink.until("Lost")
      assert.isTrue(servers.nodes().some(({ port }) => port === added.port))
      assert.notStrictEqual(tracker.status(), "live")
      assert.strictEqual(yield* near.read("key"), ABSENT)
      assert.strictEqual(near.held().size, 0)
      yield* sink.until("Live")
      assert.deepStrictEqual(sink.tags(), ["Lost", "Live"])
      assert.strictEqual((yield* connectionsOf(added)).trackers, 1)
      yield* cluster.settled
      const slot = yield* cluster.slotOf("key")
      const from = yield* cluster.ownerOf("key")
      yield* cluster.take(slot, from, added)
      yield* until(Effect.sync(() => servers.ownerOf(slot)?.port === added.port))
      yield* cluster.settled
      assert.strictEqual(yield* near.read("key"), ABSENT)
      yield* cluster.cli("SET", "key", "there")
      yield* tracker.fence
      assert.strictEqual(yield* near.read("key"), "there")
      yield* cluster.take(slot, added, from)
      yield* until(Effect.sync(() => servers.ownerOf(slot)?.port === from.port))
      const id = yield* cluster.idOf(added)
      for (const node of cluster.nodes()) if (node !== added) yield* node.cli("CLUSTER", "FORGET", id)
    }),
  )

  it.effect("a master that is killed is replaced, and nothing is left over", () =>
    Effect.gen(function* () {
      const cluster = yield* start
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
      const warnings: Array<unknown> = []
      const warn = (warning: unknown) => warnings.push(warning)
      process.on("warning", warn)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", warn)))
      const outside = sockets()
      const scope = yield* Scope.make()
      const { near, servers, sink, tracker } = yield* Scope.provide(open(cluster.url), scope)
      const before = sockets()
      yield* Effect.forEach(KEYS, (key) => cluster.cli("SET", key, "old"))
      yield* tracker.fence
      const victim = yield* cluster.ownerOf("key 0")
      const slot = yield* cluster.slotOf("key 0")
      // What is asked meanwhile fails or is answered, and never hangs.
      yield* sink.forget
      yield* victim.stop
      yield* sink.until("Lost")
      yield* Effect.exit(near.read("key 0"))
      yield* cluster.cli("SET", "key 0", "new")
      yield* until(Effect.sync(() => servers.ownerOf(slot)?.port !== victim.port))
      yield* until(Effect.sync(() => tracker.status() === "live"))
      // The write above may be heard of once more, from a replica that was late.
      assert.deepStrictEqual(
        sink.tags().filter((tag) => tag !== "Invalidated"),
        ["Lost", "Live"],
      )
      for (const key of KEYS) {
        assert.strictEqual(yield* near.read(key), key === "key 0" ? "new" : "old")
      }
      const heard = yield* sink.heardOf(Effect.forEach(KEYS, (key) => cluster.cli("SET", key, "newer")))
      assert.deepStrictEqual(keysOf(heard).toSorted(), KEYS.toSorted())
      for (const node of cluster.nodes()) {
        if (node !== victim) assert.deepStrictEqual(yield* connectionsOf(node), { data: 1, trackers: 1 })
      }
      yield* victim.start
      yield* cluster.settled
      yield* until(Effect.sync(() => tracker.status() === "live" && servers.nodes().length === 6))
      for (const node of cluster.nodes()) {
        yield* until(Effect.map(connectionsOf(node), ({ data, trackers }) => data === 1 && trackers === 1))
      }
      yield* until(Effect.sync(() => sockets() <= before))
      yield* Scope.close(scope, Exit.void)
      yield* until(Effect.sync(() => sockets() <= outside))
      assert.deepStrictEqual(warnings, [])
    }),
  )
})
