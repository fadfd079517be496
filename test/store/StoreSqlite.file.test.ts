import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Condition from "../../src/core/Condition.ts"
import * as SqliteFault from "../../src/store/SqliteFault.ts"
import * as SqliteFile from "../../src/store/SqliteFile.ts"
import * as StoreSqlite from "../../src/store/StoreSqlite.ts"
import { after, Store } from "../../src/store/Store.ts"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"
import { mebibyte, utf8 } from "./samples.ts"

const open = (directory: string) =>
  Effect.map(Layer.build(StoreSqlite.layer({ directory })), Context.get(Store))

const reasonOf = (directory: string) => Effect.map(Effect.flip(open(directory)), ({ reason }) => reason)

/** In a log that SQLite writes ahead, the last frame of a commit holds the size of the database, others 0. */
const commitsIn = (directory: string): number => {
  const log = readFileSync(join(directory, "store.sqlite-wal"))
  const frame = 24 + log.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= log.length; at += frame) if (log.readUInt32BE(at + 4) !== 0) commits++
  return commits
}

/** Root may write everywhere, so root's tests give that up for a while; opening is synchronous. */
const asNobody = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  process.geteuid?.() === 0
    ? Effect.acquireUseRelease(
        Effect.sync(() => process.seteuid?.(65_534)),
        () => effect,
        () => Effect.sync(() => process.seteuid?.(0)),
      )
    : effect

const numbered = (length: number) => Array.from({ length }, (_, index) => `key ${index}`)

describe("StoreSqlite and its file", () => {
  it.effect("what was written is there when it is opened again, with its time and the count", () =>
    Effect.gen(function* () {
      const directory = join(yield* TemporaryDirectory.make, "made", "when missing")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(directory)
          yield* store.write("lasting", utf8("1"))
          yield* store.write("timed", utf8("2"), { expiry: after(1000) })
          yield* store.write("gone", utf8("3"))
          yield* store.remove("gone")
        }),
      )
      assert.deepStrictEqual(readdirSync(directory), ["store.sqlite"])
      yield* TestClock.adjust(400)
      const store = yield* open(directory)
      assert.strictEqual(yield* store.count, 2)
      assert.deepStrictEqual(
        yield* store.read("timed"),
        Option.some({ bytes: Uint8Array.from(utf8("2")), ttlMillis: 600 }),
      )
      assert.isTrue(Option.isSome(yield* store.read("lasting")))
      assert.isTrue(Option.isNone(yield* store.read("gone")))
    }),
  )

  it.effect("a directory in use is refused, in this process and in another", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      const script = fileURLToPath(new URL("open.ts", import.meta.url))
      const elsewhere = () =>
        spawnSync(process.execPath, [script, directory], { encoding: "utf8" }).stdout.trim()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(directory)
          const error = yield* Effect.flip(Effect.scoped(open(directory)))
          assert.strictEqual(error._tag, "StoreOpenFailed")
          assert.strictEqual(error.directory, directory)
          assert.strictEqual(error.reason, "another process is using it")
          assert.strictEqual(elsewhere(), "another process is using it")
        }),
      )
      assert.strictEqual(elsewhere(), "opened")
    }),
  )

  it.effect("Node's warning about an experimental module is held back, and no other", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      const script = fileURLToPath(new URL("open.ts", import.meta.url))
      const { stderr, stdout } = spawnSync(process.execPath, [script, directory, "warn"], {
        encoding: "utf8",
      })
      assert.strictEqual(stdout.trim(), "opened")
      assert.notMatch(stderr, /SQLite/u)
      assert.match(stderr, /Warning: a warning of somebody else/u)
    }),
  )

  it.effect("what is not our file is refused and left as it is", () =>
    Effect.gen(function* () {
      const garbage = yield* TemporaryDirectory.make
      writeFileSync(join(garbage, "store.sqlite"), Buffer.alloc(8192, "garbage"))
      assert.strictEqual(yield* reasonOf(garbage), "store.sqlite is damaged, or not a database")
      assert.deepStrictEqual(readFileSync(join(garbage, "store.sqlite")), Buffer.alloc(8192, "garbage"))

      const foreign = yield* TemporaryDirectory.make
      const other = new DatabaseSync(join(foreign, "store.sqlite"))
      other.exec("CREATE TABLE precious (value TEXT)")
      other.close()
      const before = readFileSync(join(foreign, "store.sqlite"))
      assert.strictEqual(yield* reasonOf(foreign), "store.sqlite is the database of another program")
      assert.deepStrictEqual(readFileSync(join(foreign, "store.sqlite")), before)
      assert.deepStrictEqual(readdirSync(foreign), ["store.sqlite"])

      const newer = yield* TemporaryDirectory.make
      yield* Effect.scoped(open(newer))
      const database = new DatabaseSync(join(newer, "store.sqlite"))
      database.exec("PRAGMA user_version = 2")
      database.close()
      assert.strictEqual(
        yield* reasonOf(newer),
        "store.sqlite was written by a newer version of cache-mechanism",
      )
    }),
  )

  it.effect("an empty file is a new store", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      writeFileSync(join(directory, "store.sqlite"), "")
      const store = yield* open(directory)
      assert.isTrue((yield* store.write("key", utf8("1"))).created)
    }),
  )

  it.effect("a directory that cannot be made or written is refused with a reason", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      writeFileSync(join(directory, "file"), "")
      assert.strictEqual(yield* reasonOf(join(directory, "file")), "EEXIST")
      assert.strictEqual(yield* reasonOf(join(directory, "file", "below")), "ENOTDIR")
      mkdirSync(join(directory, "taken", "store.sqlite"), { recursive: true })
      assert.strictEqual(yield* reasonOf(join(directory, "taken")), "unable to open database file")
    }),
  )

  it.effect("a directory that may only be read is refused with a reason", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      chmodSync(directory, 0o555)
      assert.strictEqual(yield* asNobody(reasonOf(directory)), "unable to open database file")
      assert.strictEqual(yield* asNobody(reasonOf(join(directory, "below"))), "EACCES")
    }),
  )

  it.effect("writes of one moment share a commit, writes one after the other do not", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      const store = yield* open(directory)
      const before = commitsIn(directory)
      yield* Effect.forEach(numbered(300), (key) => store.write(key, utf8(key)), { concurrency: "unbounded" })
      const together = commitsIn(directory) - before
      assert.isAtLeast(together, 1)
      assert.isAtMost(together, 3)
      // Other values: SQLite commits nothing when nothing has changed.
      yield* Effect.forEach(numbered(20), (key) => store.write(key, utf8(`${key} again`)))
      assert.strictEqual(commitsIn(directory) - before - together, 20)
    }),
  )

  it.effect("conditions that fail leave the other writes of their commit alone", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* TemporaryDirectory.make)
      const exits = yield* Effect.forEach(
        numbered(40),
        (key, index) =>
          Effect.exit(store.write(key, utf8(key), index % 2 === 0 ? {} : { condition: Condition.ifPresent })),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(
        exits.map(Exit.isSuccess),
        exits.map((_, index) => index % 2 === 0),
      )
      assert.strictEqual(yield* store.count, 20)
    }),
  )

  it.effect("a full disk is out of memory to those whose write does not fit, and to nobody else", () =>
    Effect.gen(function* () {
      const database = yield* SqliteFile.open(yield* TemporaryDirectory.make)
      const store = yield* StoreSqlite.make(database)
      yield* store.write("old", mebibyte)
      database.exec("PRAGMA max_page_count = 400")
      const [big, small, removed] = yield* Effect.all(
        [
          Effect.exit(store.write("big", mebibyte)),
          Effect.exit(store.write("small", utf8("1"))),
          Effect.exit(store.remove("none")),
        ],
        { concurrency: "unbounded" },
      )
      const error = yield* Effect.flip(big)
      assert.strictEqual(error._tag, "OutOfMemory")
      assert.isTrue(Exit.isSuccess(small))
      assert.deepStrictEqual(removed, Exit.succeed(false))
      assert.deepStrictEqual(yield* store.read("big"), Option.none())
      assert.strictEqual(yield* store.count, 2)
      assert.isTrue(yield* store.remove("old"))
      assert.isTrue((yield* store.write("big", mebibyte)).created)
    }),
  )

  it("an error of the disk while committing leaves the outcome unknown", () => {
    const error = (errcode: number) => Object.assign(new Error("text"), { errcode, errstr: "words" })
    const fsyncFailed = 10 | (4 << 8)
    assert.strictEqual(SqliteFault.ofCommit(error(fsyncFailed))._tag, "OutcomeUnknown")
    assert.strictEqual(SqliteFault.ofStatement(error(fsyncFailed))._tag, "StoreUnavailable")
    assert.strictEqual(SqliteFault.ofCommit(error(13))._tag, "OutOfMemory")
    assert.strictEqual(SqliteFault.ofStatement(error(13))._tag, "OutOfMemory")
    assert.strictEqual(SqliteFault.ofCommit(error(11))._tag, "StoreUnavailable")
    assert.strictEqual(SqliteFault.unavailable(error(11)).reason, "words")
  })

  it.effect("rows whose time is over are removed by later writes, some at a time", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* TemporaryDirectory.make)
      yield* Effect.forEach(numbered(250), (key) => store.write(key, utf8(key), { expiry: after(1000) }), {
        concurrency: "unbounded",
      })
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* store.count, 250)
      for (const left of [150, 50, 0, 0]) {
        yield* store.remove("none")
        assert.strictEqual(yield* store.count, left)
      }
    }),
  )

  it.effect("a row whose time is over counts once when it is written again", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* TemporaryDirectory.make)
      yield* Effect.forEach(numbered(150), (key) => store.write(key, utf8(key), { expiry: after(1000) }), {
        concurrency: "unbounded",
      })
      yield* TestClock.adjust(1000)
      // One that this commit removes, and one that it does not reach.
      const written = yield* Effect.forEach(["key 0", "key 149"], (key) => store.write(key, utf8("new")), {
        concurrency: "unbounded",
      })
      assert.deepStrictEqual(
        written.map(({ created }) => created),
        [true, true],
      )
      yield* store.remove("none")
      assert.strictEqual(yield* store.count, 2)
    }),
  )

  it.effect("expiry follows the wall clock", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* TemporaryDirectory.make)
      yield* store.write("key", utf8("1"), { expiry: after(1000) })
      yield* TestClock.setTime((yield* Clock.currentTimeMillis) + 999)
      assert.isTrue(Option.isSome(yield* store.read("key")))
      yield* TestClock.adjust(1)
      assert.isTrue(Option.isNone(yield* store.read("key")))
    }),
  )

  it.effect("a listing is in the order of the bytes of its keys", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* TemporaryDirectory.make)
      const keys = ["a", "a\u0000", "a/b", "ab", "b", "é", "\uffff", "😀"]
      yield* Effect.forEach(keys.toReversed(), (key) => store.write(key, utf8("")))
      const { keys: listed } = yield* store.list({ prefix: "", limit: 100, cursor: Option.none() })
      assert.deepStrictEqual(
        listed.map(({ key }) => key),
        keys,
      )
    }),
  )

  it.effect("closing answers those that wait, and refuses those that come later", () =>
    Effect.gen(function* () {
      const directory = yield* TemporaryDirectory.make
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(directory), scope)
      const waiting = yield* Effect.forkChild(store.write("key", utf8("1")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.isTrue((yield* Fiber.join(waiting)).created)
      for (const late of [store.write("other", utf8("1")), store.read("key"), store.probe]) {
        assert.strictEqual(
          (yield* Effect.flip<unknown, { readonly _tag: string }, never>(late))._tag,
          "StoreUnavailable",
        )
      }
      const again = yield* open(directory)
      assert.isTrue(Option.isSome(yield* again.read("key")))
    }),
  )
})
