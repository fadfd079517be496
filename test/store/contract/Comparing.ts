/** A caller who knows values hears which of them are others now, and gets those. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as EntityTag from "../../../src/store/EntityTag.ts"
import { after, COMPARE_MAX_BYTES, type Known, Store } from "../../../src/store/Store.ts"
import type { Declare, Subject } from "../StoreContract.ts"
import { mebibyte, utf8 } from "../samples.ts"

const MINUTE = 60_000

/** One byte is another. */
const changed = Uint8Array.from(mebibyte, (byte, index) => (index === 700_000 ? byte ^ 1 : byte))

const SIZES = [0, 1, 1_000, 16_383, 16_384, 100_000, 1_024 * 1_024]

const knownOf = (bytes: Uint8Array): Known => ({ etag: EntityTag.of(bytes), size: bytes.byteLength })

interface Had {
  readonly key: string
  readonly bytes: Uint8Array | undefined
}

/** What a caller has after the comparison who had these values before it. */
const compare = (had: ReadonlyArray<Had>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const answers = yield* store.compareMany(
      had.map(({ bytes, key }) => ({ key, known: Option.map(Option.fromUndefinedOr(bytes), knownOf) })),
    )
    assert.strictEqual(answers.length, had.length)
    return answers.map((answer, index) =>
      Option.map(Result.getOrThrow(answer), ({ bytes, ttlMillis }) => ({
        bytes: Option.getOrElse(bytes, () => had[index]?.bytes),
        ttlMillis,
      })),
    )
  })

const lasting = (bytes: Uint8Array) => Option.some({ bytes, ttlMillis: Infinity })

export const check = <R>(it: Declare<R>, outlive: Subject<R>["outlive"]): void => {
  for (const size of SIZES) {
    it(`a value of ${size} bytes is what it was, or another`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        const bytes = mebibyte.slice(0, size)
        yield* store.write("key", bytes)
        assert.deepStrictEqual(yield* compare([{ key: "key", bytes }]), [lasting(bytes)])
        const other = Uint8Array.from(bytes, (byte, index) => (index === size - 1 ? byte ^ 1 : byte))
        yield* store.write("key", other)
        assert.deepStrictEqual(yield* compare([{ key: "key", bytes }]), [lasting(other)])
        const longer = mebibyte.slice(0, size + 1)
        yield* store.write("key", longer)
        assert.deepStrictEqual(yield* compare([{ key: "key", bytes }]), [lasting(longer)])
      }))
  }

  it("a single byte in the middle of a large value makes another", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", changed)
      assert.deepStrictEqual(yield* compare([{ key: "key", bytes: mebibyte }]), [lasting(changed)])
    }))

  it("a tag stands for a value of its size only", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", mebibyte)
      const known = { etag: EntityTag.of(mebibyte), size: mebibyte.byteLength - 1 }
      const answers = yield* store.compareMany([{ key: "key", known: Option.some(known) }])
      assert.deepStrictEqual(
        answers.map((answer) => Option.getOrThrow(Result.getOrThrow(answer))),
        [{ bytes: Option.some(mebibyte), ttlMillis: Infinity }],
      )
    }))

  it("what comes is in memory of its own", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", changed)
      const [answer] = yield* compare([{ key: "key", bytes: mebibyte }])
      const bytes = Option.getOrThrow(answer ?? Option.none()).bytes
      assert.strictEqual(bytes?.constructor, Uint8Array)
      assert.strictEqual(bytes?.buffer.byteLength, changed.byteLength)
    }))

  it("answers come in the order of the keys, with what is missing, unknown, or asked for twice", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("large", mebibyte)
      yield* store.write("small", utf8("small"))
      yield* store.write("empty", utf8(""))
      assert.deepStrictEqual(
        yield* compare([
          { key: "small", bytes: utf8("smell") },
          { key: "none", bytes: mebibyte },
          { key: "large", bytes: mebibyte },
          { key: "nothing", bytes: undefined },
          { key: "large", bytes: undefined },
          { key: "large", bytes: changed },
          { key: "small", bytes: utf8("small") },
          { key: "empty", bytes: undefined },
        ]),
        [
          lasting(utf8("small")),
          Option.none(),
          lasting(mebibyte),
          Option.none(),
          lasting(mebibyte),
          lasting(mebibyte),
          lasting(utf8("small")),
          lasting(utf8("")),
        ],
      )
    }))

  it("more than is compared at a stretch is answered all the same", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const keys = Array.from({ length: 5 }, (_, index) => `key ${index}`)
      const bytes = mebibyte.slice(0, COMPARE_MAX_BYTES / 2 - 7)
      yield* Effect.forEach(keys, (key) => store.write(key, bytes))
      assert.deepStrictEqual(
        yield* compare(keys.map((key) => ({ key, bytes }))),
        keys.map(() => lasting(bytes)),
      )
      const twice = new Uint8Array(2 * COMPARE_MAX_BYTES).fill(7)
      yield* store.write("twice", twice)
      assert.deepStrictEqual(yield* compare([{ key: "twice", bytes: twice }]), [lasting(twice)])
    }))

  for (const size of [0, 499, 501]) {
    it(`${size} values are compared at once`, () =>
      Effect.gen(function* () {
        const store = yield* Store
        const keys = Array.from({ length: size }, (_, index) => `key ${index}`)
        yield* Effect.forEach(keys, (key) => store.write(key, utf8(key)), { concurrency: "unbounded" })
        assert.deepStrictEqual(
          yield* compare(keys.map((key, index) => ({ key, bytes: utf8(index % 2 === 0 ? key : "other") }))),
          keys.map((key) => lasting(utf8(key))),
        )
      }))
  }

  it("the time that remains is told with what is the same and with what is not", () =>
    Effect.gen(function* () {
      const store = yield* Store
      for (const key of ["large", "small", "changed"]) {
        yield* store.write(key, key === "small" ? utf8("small") : mebibyte, { expiry: after(MINUTE) })
      }
      const answers = yield* compare([
        { key: "large", bytes: mebibyte },
        { key: "small", bytes: utf8("small") },
        { key: "changed", bytes: changed },
      ])
      for (const answer of answers) {
        const { ttlMillis } = Option.getOrThrow(answer)
        assert.isAtMost(ttlMillis, MINUTE)
        assert.isAbove(ttlMillis, MINUTE - 10_000)
      }
    }))

  it("a value whose time is over is none, also to who knows it", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("key", mebibyte, { expiry: after(40) })
      yield* outlive("key", 40)
      assert.deepStrictEqual(yield* compare([{ key: "key", bytes: mebibyte }]), [Option.none()])
    }))
}
