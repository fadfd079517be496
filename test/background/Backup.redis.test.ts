/** The backup and values that are too large to be sent each time: what it finds and what crosses the wire. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Backup from "../../src/background/Backup.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { Tracker } from "../../src/store/Tracker.ts"
import * as RedisClusterServer from "../RedisClusterServer.ts"
import * as RedisServer from "../RedisServer.ts"
import { agree, at, fence, held, hold, layer, live, read } from "../coherence/Coherent.ts"

const LARGE = 200_000

/** A large value that begins with a version. */
const value = (version: number | string) => `${version}`.padEnd(LARGE, "x")

/** Bytes that the server sent while the effect ran, to everybody. */
const sentDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { cli } = yield* RedisServer.RedisServer
    const sent = Effect.map(cli("INFO", "stats"), (info) =>
      Number(/total_net_output_bytes:(\d+)/u.exec(String(info))?.[1]),
    )
    const before = yield* sent
    const result = yield* effect
    return [result, (yield* sent) - before] as const
  })

const KEYS = Array.from({ length: 20 }, (_, index) => `large:${index}`)

const counts = ({ added, alarms, changed, checked, removed, stopped }: Backup.Report) => ({
  added,
  alarms,
  changed,
  checked,
  removed,
  stopped,
})

const NOTHING = { added: 0, alarms: 0, changed: 0, checked: KEYS.length, removed: 0, stopped: "complete" }

describe("a backup of large values", () => {
  it.live("sends none that is the same, and finds exactly what nobody announced", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      for (const key of KEYS) yield* hold(key, value(1))
      const [quiet, few] = yield* sentDuring(run)
      assert.deepStrictEqual(counts(quiet), NOTHING)
      assert.isBelow(few, LARGE)
      const [changed = "", longer = "", ends = "", gone = "", list = "", ...same] = KEYS
      yield* pipeline([
        ["SELECT", "1"],
        ...same.map((key) => ["SET", key, value(1)]),
        ["SET", changed, value(2)],
        ["SET", longer, `${value(1)}x`],
        ["SET", ends, value(1), "PX", "100000"],
        ["RPUSH", list, "1"],
        ["SET", "new", value(3)],
      ])
      yield* fence
      for (const key of KEYS) yield* read(key)
      yield* cli("SWAPDB", "0", "1")
      yield* fence
      assert.strictEqual(yield* held(changed), value(1))
      const [found, bytes] = yield* sentDuring(run)
      assert.deepStrictEqual(counts(found), { ...NOTHING, added: 1, alarms: 5, changed: 3, removed: 2 })
      assert.isBelow(bytes, 4 * LARGE)
      yield* agree([changed, longer, ends, gone, ...same, "new"])
      assert.strictEqual(yield* held(list), "nothing")
    }).pipe(Effect.provide(layer())),
  )

  it.live("trusts after a loss what is still the same, without having it sent", () =>
    Effect.gen(function* () {
      const { cli } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      const { stats } = yield* Cache.Cache
      for (const key of KEYS) yield* hold(key, value(1))
      const { epoch } = yield* stats
      yield* cli("CLIENT", "KILL", "TYPE", "pubsub")
      yield* Effect.repeat(stats, {
        until: (now) => now.epoch > epoch,
        schedule: Schedule.spaced("1 millis"),
      })
      yield* live
      assert.strictEqual(yield* held("large:0"), "nothing")
      const [report, bytes] = yield* sentDuring(run)
      assert.deepStrictEqual(counts(report), NOTHING)
      assert.isBelow(bytes, LARGE)
      for (const key of KEYS) assert.strictEqual(yield* held(key), value(1))
      yield* cli("SET", "large:7", value(2))
      yield* fence
      assert.strictEqual(yield* held("large:7"), "nothing")
    }).pipe(Effect.provide(layer())),
  )

  it.live("beside a writer of the same keys installs nothing old and raises no alarm", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      const write = (round: number) => pipeline(KEYS.map((key) => ["SET", key, value(round)]))
      yield* write(0)
      yield* fence
      for (let round = 1; round <= 15; round++) {
        yield* Effect.forEach(KEYS, read, { concurrency: "unbounded" })
        const [{ alarms }] = yield* Effect.all([run, write(round)], { concurrency: "unbounded" })
        assert.strictEqual(alarms, 0)
      }
      yield* agree(KEYS)
    }).pipe(Effect.provide(layer())),
  )

  it.live("goes on with whole values where scripts are refused", () =>
    Effect.gen(function* () {
      const { cli, pipeline } = yield* RedisServer.RedisServer
      const { run } = yield* Backup.Backup
      for (const key of KEYS) yield* hold(key, value(1))
      yield* cli("ACL", "SETUSER", "default", "-eval", "-evalsha")
      assert.deepStrictEqual(counts(yield* run), NOTHING)
      const [changed = "", ...same] = KEYS
      yield* pipeline([
        ["SELECT", "1"],
        ...same.map((key) => ["SET", key, value(1)]),
        ["SET", changed, value(2)],
      ])
      yield* fence
      for (const key of KEYS) yield* read(key)
      yield* cli("SWAPDB", "0", "1")
      yield* fence
      assert.deepStrictEqual(counts(yield* run), { ...NOTHING, alarms: 1, changed: 1 })
      yield* agree(KEYS)
    }).pipe(Effect.provide(layer())),
  )

  it.live("finds in a cluster what it has where it is, while its slot moves too", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisClusterServer.make()
      yield* Effect.gen(function* () {
        const { run } = yield* Backup.Backup
        const { status } = yield* Tracker
        const { put } = yield* Cache.Cache
        yield* live
        const keys = Array.from({ length: 6 }, (_, index) => `{moving}${index}`)
        for (const key of keys) yield* put(key, new TextEncoder().encode(value(1)))
        const slot = yield* cluster.slotOf("{moving}")
        const from = yield* cluster.ownerOf("{moving}")
        const to = (yield* cluster.masters).find((node) => node !== from) ?? from
        yield* cluster.startMove(slot, from, to)
        for (const key of keys.slice(0, 3)) {
          yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000")
        }
        yield* fence
        // MIGRATE removes the key where it was, which is heard; it is read from where it is now.
        for (const key of keys) assert.strictEqual(yield* read(key), value(1))
        const { alarms, changed, checked, removed } = yield* run
        assert.deepStrictEqual(
          { alarms, changed, checked, removed, status: status() },
          { alarms: 0, changed: 0, checked: keys.length, removed: 0, status: "live" },
        )
        for (const key of keys) assert.strictEqual(yield* held(key), value(1))
      }).pipe(Effect.provide(at(cluster.url)))
    }).pipe(Effect.provide(RedisServer.layer)),
  )
})
