/** Bytes and keys go in and come out unchanged. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as EntityTag from "../../../src/store/EntityTag.ts"
import { Store, type Stored } from "../../../src/store/Store.ts"
import type { Declare } from "../StoreContract.ts"
import { mebibyte, utf8 } from "../samples.ts"

const BYTES: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
  ["no bytes", new Uint8Array()],
  ["NUL, CRLF and 0xFF", Uint8Array.of(0, 13, 10, 0xff, 0, 36, 45, 49, 13, 10)],
  ["every byte", Uint8Array.from({ length: 256 }, (_, index) => index)],
  ["invalid UTF-8", Uint8Array.of(0xc3, 0x28, 0xed, 0xa0, 0x80)],
  ["1 MiB", mebibyte],
]

const KEYS = [
  "plain",
  " ",
  " leading and trailing ",
  "new\nline\r\nand tab\t",
  "comma,semi;colon",
  "a/b//c/",
  "{hash}tag}",
  "\"quotes'",
  "100%25",
  "*?[a-z]\\^-",
  "\u0001\u007f",
  "é",
  "e\u0301",
  "日本語",
  "👩‍👩‍👧‍👦",
  "\u{10ffff}",
  "\ufeffbom",
  "constructor",
  "__proto__",
  "k".repeat(1024),
  "é".repeat(512),
]

const bytesOf = (read: Option.Option<Stored>) => Option.getOrUndefined(Option.map(read, ({ bytes }) => bytes))

export const check = <R>(it: Declare<R>): void => {
  it("a key that was never written reads as none", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.deepStrictEqual(yield* store.read("never"), Option.none())
    }))

  for (const [name, bytes] of BYTES) {
    it(`a value of ${name} comes back exactly, in memory of its own`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        const written = yield* store.write("key", bytes)
        assert.deepStrictEqual(written, { created: true, etag: EntityTag.of(bytes), ttlMillis: Infinity })
        const read = Option.getOrThrow(yield* store.read("key"))
        assert.strictEqual(read.ttlMillis, Infinity)
        assert.isTrue(Buffer.from(read.bytes).equals(bytes))
        assert.strictEqual(read.bytes.constructor, Uint8Array)
        assert.strictEqual(read.bytes.buffer.byteLength, bytes.byteLength)
      }))
  }

  it("a slice of a larger array is written as the slice", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", utf8("0123456789").subarray(3, 6))
      assert.deepStrictEqual(bytesOf(yield* store.read("key")), utf8("345"))
    }))

  it("keys of any UTF-8 are told apart and come back exactly", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* Effect.forEach(KEYS, (key) => store.write(key, utf8(`value of ${key}`)), { concurrency: 5 })
      for (const key of KEYS) assert.deepStrictEqual(bytesOf(yield* store.read(key)), utf8(`value of ${key}`))
      const { keys } = yield* store.list({ prefix: "", limit: 100, cursor: Option.none() })
      assert.deepStrictEqual(keys.map(({ key }) => key).toSorted(), KEYS.toSorted())
    }))

  it("a second write replaces and says so", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", utf8("a longer first value"))
      const written = yield* store.write("key", utf8("second"))
      assert.deepStrictEqual(written, {
        created: false,
        etag: EntityTag.of(utf8("second")),
        ttlMillis: Infinity,
      })
      assert.deepStrictEqual(bytesOf(yield* store.read("key")), utf8("second"))
    }))

  it("a removed key reads as none and is created by the next write", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.isFalse(yield* store.remove("key"))
      yield* store.write("key", utf8("value"))
      assert.isTrue(yield* store.remove("key"))
      assert.isFalse(yield* store.remove("key"))
      assert.deepStrictEqual(yield* store.read("key"), Option.none())
      assert.isTrue((yield* store.write("key", utf8("value"))).created)
    }))

  it("many reads come in the order of the keys, with what is missing and what is asked for twice", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("a", utf8("A"))
      yield* store.write("b", utf8(""))
      const read = yield* store.readMany(["b", "none", "a", "a"])
      assert.deepStrictEqual(read.map(Result.map(bytesOf)), [
        Result.succeed(utf8("")),
        Result.succeed(undefined),
        Result.succeed(utf8("A")),
        Result.succeed(utf8("A")),
      ])
    }))

  for (const size of [0, 1, 499, 500, 501, 1500]) {
    it(`${size} keys are read at once`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        const keys = Array.from({ length: size }, (_, index) => `key ${index}`)
        const odd = keys.filter((_, index) => index % 2 === 1)
        yield* Effect.forEach(odd, (key) => store.write(key, utf8(key)), { concurrency: "unbounded" })
        const read = yield* store.readMany(keys)
        assert.deepStrictEqual(
          read.map(Result.map(bytesOf)),
          keys.map((key, index) => Result.succeed(index % 2 === 1 ? utf8(key) : undefined)),
        )
      }))
  }

  it("the count follows writes and removals", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.strictEqual(yield* store.count, 0)
      yield* store.write("a", utf8("1"))
      yield* store.write("b", utf8("1"))
      yield* store.write("a", utf8("2"))
      assert.strictEqual(yield* store.count, 2)
      yield* store.remove("a")
      yield* store.remove("a")
      assert.strictEqual(yield* store.count, 1)
    }))

  it("a probe succeeds", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.probe
    }))
}
