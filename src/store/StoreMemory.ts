/**
 * A store in this process: for users' tests, and for those of this project that need no server.
 *
 * It keeps every promise of the port with a Map and the Clock, so TestClock moves its expiry.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Condition from "../core/Condition.ts"
import { type Key, RESERVED_PREFIX } from "../core/Entry.ts"
import * as Cursor from "./Cursor.ts"
import * as EntityTag from "./EntityTag.ts"
import * as Expiry from "./Expiry.ts"
import { ConditionFailed, type Known, Store } from "./Store.ts"

/** An empty store of its own. */
export const layer: Layer.Layer<Store> = Layer.effect(
  Store,
  Effect.suspend(() => make),
)

interface Held {
  readonly bytes: Uint8Array
  /** Wall-clock milliseconds; `Infinity`: never. */
  readonly expiresAt: number
}

const cursors = Cursor.make("memory", Schema.String)

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const values = new Map<Key, Held>()

  const live = (key: Key): Option.Option<Held> => {
    const held = values.get(key)
    if (held === undefined) return Option.none()
    if (held.expiresAt > now()) return Option.some(held)
    values.delete(key)
    return Option.none()
  }

  // Copies both ways: nobody can change what is stored by changing an array.
  const stored = (key: Key) =>
    Option.map(live(key), ({ bytes, expiresAt }) => ({
      bytes: Uint8Array.from(bytes),
      ttlMillis: expiresAt - now(),
    }))

  /** The value held, if the condition holds for it. */
  const decide = (key: Key, condition: Condition.Condition = Condition.always) => {
    const previous = live(key)
    const current = Option.map(previous, ({ bytes }) => EntityTag.of(bytes))
    return Condition.holds(condition, Option.getOrUndefined(current))
      ? Result.succeed(previous)
      : Result.fail(new ConditionFailed({ current }))
  }

  return Store.of({
    kind: "memory",
    read: (key) => Effect.sync(() => stored(key)),
    readMany: (keys) => Effect.sync(() => keys.map((key) => Result.succeed(stored(key)))),
    compareMany: (questions) =>
      Effect.sync(() =>
        questions.map(({ key, known }) =>
          Result.succeed(
            Option.map(stored(key), ({ bytes, ttlMillis }) => ({
              bytes: isOf(bytes, known) ? Option.none() : Option.some(bytes),
              ttlMillis,
            })),
          ),
        ),
      ),
    write: (key, bytes, options) =>
      Effect.suspend(() =>
        Effect.fromResult(
          Result.map(decide(key, options?.condition), (previous) => {
            const expiresAt = Expiry.deadline(options?.expiry, now(), previous)
            values.set(key, { bytes: Uint8Array.from(bytes), expiresAt })
            return {
              created: Option.isNone(previous),
              etag: EntityTag.of(bytes),
              ttlMillis: expiresAt - now(),
            }
          }),
        ),
      ),
    remove: (key, options) =>
      Effect.suspend(() =>
        Effect.fromResult(
          Result.map(decide(key, options?.condition), (previous) => {
            values.delete(key)
            return Option.isSome(previous)
          }),
        ),
      ),
    list: Effect.fnUntraced(function* ({ cursor, limit, prefix }) {
      const after = Option.isSome(cursor)
        ? yield* Effect.fromResult(cursors.decode(prefix, cursor.value))
        : undefined
      const keys = [...values.keys()]
        .filter((key) => key.startsWith(prefix) && !key.startsWith(RESERVED_PREFIX))
        .filter((key) => (after === undefined || key > after) && Option.isSome(live(key)))
        .toSorted(byCodeUnits)
      const page = keys.slice(0, limit)
      const last = keys.length > limit ? Option.fromUndefinedOr(page.at(-1)) : Option.none()
      return {
        keys: page.flatMap((key) =>
          Option.toArray(stored(key)).map(({ bytes, ttlMillis }) => ({
            key,
            size: bytes.byteLength,
            ttlMillis,
          })),
        ),
        cursor: Option.map(last, (key) => cursors.encode(prefix, key)),
        skipped: 0,
      }
    }),
    count: Effect.sync(() => values.size),
    probe: Effect.void,
  })
})

const isOf = (bytes: Uint8Array, known: Option.Option<Known>): boolean =>
  Option.exists(known, (value) => value.size === bytes.byteLength && value.etag === EntityTag.of(bytes))

/** What `>` compares by, too. */
const byCodeUnits = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
