/** What Redis forgets after a time is not served past it, whoever set the time and however late Redis says so. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cache from "../../src/cache/Cache.ts"
import * as Condition from "../../src/core/Condition.ts"
import { L1 } from "../../src/cache/L1.ts"
import * as EntityTag from "../../src/store/EntityTag.ts"
import { after, keep } from "../../src/store/Store.ts"
import * as RedisServer from "../RedisServer.ts"
import { agree, fence, held, hold, layer as coherent, read, text } from "./Coherent.ts"

const LIFE_MILLIS = 400
/** Redis counts whole milliseconds, when it is told a time and when it tells what remains of it. */
const ROUNDING_MILLIS = 2

/** Redis removes what has expired only when somebody asks for it: so nothing is ever announced in time. */
const lazily = Effect.flatMap(RedisServer.RedisServer, ({ cli }) =>
  Effect.andThen(cli("FLUSHALL"), cli("DEBUG", "SET-ACTIVE-EXPIRE", "0")),
)

/** Milliseconds that remain until L1 takes the key's value for expired. */
const remaining = Effect.fnUntraced(function* (key: string) {
  const { get } = yield* Cache.Cache
  const { now } = yield* L1
  const { entry } = yield* get(key)
  if (entry.value === undefined) return assert.fail(`no ${key}`)
  return (entry.storeExpiresAt ?? Infinity) - now()
})

layer(coherent({}, ["--enable-debug-command", "yes"]), { excludeTestServices: true })(
  "coherence with time",
  (it) => {
    const ways: ReadonlyArray<
      readonly [string, Effect.Effect<unknown, unknown, Cache.Cache | RedisServer.RedisServer>]
    > = [
      [
        "that a third party wrote with PX",
        Effect.flatMap(RedisServer.RedisServer, ({ cli }) => cli("SET", "k13", "1", "PX", `${LIFE_MILLIS}`)),
      ],
      [
        "that a third party gave a time with PEXPIRE",
        Effect.flatMap(RedisServer.RedisServer, ({ pipeline }) =>
          pipeline([
            ["SET", "k13", "1"],
            ["PEXPIRE", "k13", `${LIFE_MILLIS}`],
          ]),
        ),
      ],
      [
        "of our own",
        Effect.flatMap(Cache.Cache, ({ put }) => put("k13", text("1"), { expiry: after(LIFE_MILLIS) })),
      ],
    ]
    for (const [whose, write] of ways) {
      it.effect(`13: a value ${whose} is not served past its deadline, though Redis does not say so`, () =>
        Effect.gen(function* () {
          const { cli } = yield* RedisServer.RedisServer
          yield* lazily
          yield* write
          const writtenAt = performance.now()
          yield* fence
          assert.strictEqual(yield* read("k13"), "1")
          let served = 0
          while (performance.now() < writtenAt + LIFE_MILLIS + ROUNDING_MILLIS) {
            if ((yield* held("k13")) === "1") served++
            yield* Effect.yieldNow
          }
          assert.strictEqual(yield* held("k13"), "nothing")
          assert.isAbove(served, 0)
          // Redis still counts it: nobody has touched it.
          assert.strictEqual(yield* cli("DBSIZE"), 1)
          assert.strictEqual(yield* read("k13"), undefined)
        }),
      )
    }

    it.effect("14: follows EXPIRE, PERSIST and their like of a third party, for longer and shorter", () =>
      Effect.gen(function* () {
        const { cli } = yield* RedisServer.RedisServer
        yield* lazily
        yield* hold("k14", "1")
        assert.strictEqual(yield* remaining("k14"), Infinity)
        const soon = () => `${Date.now() + 50_000}`
        const changes: ReadonlyArray<readonly [command: () => ReadonlyArray<string>, millis: number]> = [
          [() => ["PEXPIRE", "k14", "100000"], 100_000],
          [() => ["EXPIRE", "k14", "200"], 200_000],
          [() => ["PERSIST", "k14"], Infinity],
          [() => ["PEXPIREAT", "k14", soon()], 50_000],
          [() => ["GETEX", "k14", "EX", "20"], 20_000],
          [() => ["SET", "k14", "2", "KEEPTTL"], 20_000],
          [() => ["GETEX", "k14", "PERSIST"], Infinity],
          [() => ["SETEX", "k14", "10", "3"], 10_000],
          [() => ["SET", "k14", "4"], Infinity],
        ]
        for (const [command, millis] of changes) {
          const [name = "", ...args] = command()
          // What is held before has the deadline of before.
          yield* read("k14")
          yield* cli(name, ...args)
          yield* fence
          const found = yield* remaining("k14")
          assert.isTrue(found <= millis && found >= millis / 2, `${name} ${found}`)
          const truth = Number(yield* cli("PTTL", "k14"))
          assert.isTrue(truth < 0 ? found === Infinity : found <= truth + 1_000, `${name} ${found} ${truth}`)
        }
        yield* read("k14")
        yield* cli("PEXPIRE", "k14", "50")
        yield* fence
        yield* read("k14")
        const end = performance.now() + 50
        while (performance.now() < end) yield* Effect.yieldNow
        assert.strictEqual(yield* held("k14"), "nothing")
        assert.strictEqual(yield* read("k14"), undefined)
      }),
    )

    it.effect("35: compare and set keeps the time that remains when told to, here and in Redis", () =>
      Effect.gen(function* () {
        const { cli } = yield* RedisServer.RedisServer
        const { get, put } = yield* Cache.Cache
        yield* cli("SET", "k35", "1", "PX", "100000")
        yield* fence
        const { entry } = yield* get("k35")
        if (entry.value === undefined) return assert.fail("gone")
        const condition = Condition.ifTag(EntityTag.of(entry.value))
        const { ttlMillis } = yield* put("k35", text("2"), { condition, expiry: keep })
        const truth = Number(yield* cli("PTTL", "k35"))
        assert.isTrue(truth > 50_000 && truth <= 100_000, `${truth}`)
        assert.isTrue(ttlMillis >= truth && ttlMillis <= 100_000, `${ttlMillis}`)
        // At once from what was written, and after the invalidation from Redis.
        for (const wait of [Effect.void, fence]) {
          yield* wait
          const found = yield* remaining("k35")
          assert.isTrue(found > 50_000 && found <= 100_000, `${found}`)
        }
        // A refused one changes nothing.
        yield* Effect.flip(put("k35", text("3"), { condition, expiry: after(1_000) }))
        assert.isAbove(Number(yield* cli("PTTL", "k35")), 50_000)
        yield* agree(["k35"])
      }),
    )
  },
)
