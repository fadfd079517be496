/**
 * L1 as it was at one instant, page by page, while it goes on.
 *
 * The first page takes a snapshot; its cursor names the snapshot and the place where the next page begins. So
 * all pages together have every key of that instant once, and no later one, and a page that is asked for
 * again is the same. It is an instant of this process' L1: what it lacks, the store may have all the same.
 *
 * A snapshot copies nothing, but holding it keeps alive what leaves L1 meanwhile: on a busy L1 up to as much
 * as L1 itself holds. So it is let go of when nobody has asked for a page of it for a minute, and earlier
 * when there are `MAX_HELD`: then the one that was unused longest makes room. A listing that fits into one
 * page holds nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { type Entry, type Present, RESERVED_PREFIX } from "../core/Entry.ts"
import * as Snapshot from "../core/Snapshot.ts"
import * as Cursor from "../store/Cursor.ts"
import type { BadCursor, Page } from "../store/Store.ts"
import { L1 } from "./L1.ts"

/** The snapshot that a cursor belongs to is not held any more, or was held by another process. */
export class CursorExpired extends Schema.TaggedError<CursorExpired>()("CursorExpired", {}) {}

/** How long a snapshot is held after a page of it was asked for. */
const HELD_MILLIS = 60_000
const MAX_HELD = 16
/** When nobody asks any more, what is due is let go of this late at most. */
const SWEEP_EVERY = "10 seconds"
/** How many entries and buckets one page looks at: 1 to 2 ms of a busy machine when L1 holds a million. */
const MAX_SEEN = 2_000

export class Listings extends Context.Service<
  Listings,
  {
    /**
     * The values of one instant whose keys begin with `prefix`, at most `limit` (at least 1) a page; stale and
     * suspect ones too, the dead and what is known to be absent not. `ttlMillis` counts from that instant.
     */
    readonly page: (options: {
      readonly prefix: string
      readonly limit: number
      readonly cursor: Option.Option<string>
    }) => Effect.Effect<Page, BadCursor | CursorExpired>

    /** How many snapshots are held. */
    readonly held: () => number
  }
>()("cache-mechanism/cache/Listings") {}

/** The snapshot's name, and a `Snapshot.Place`. */
const cursors = Cursor.make("l1", Schema.Tuple([Schema.String, Schema.Natural, Schema.Natural]))

/** A page to be read. */
interface Asked {
  readonly name: string
  readonly snapshot: Snapshot.Snapshot
  readonly from: Snapshot.Place
}

interface Held {
  readonly snapshot: Snapshot.Snapshot
  readonly usedAt: number
}

const make = Effect.gen(function* () {
  const l1 = yield* L1
  // In every name, so that a cursor of another process names no snapshot of this one.
  const mark = (yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)).toString(36)
  /** Those that were asked for longest ago first. */
  const held = new Map<string, Held>()
  let taken = 0

  const hold = (name: string, snapshot: Snapshot.Snapshot): void => {
    held.delete(name)
    held.set(name, { snapshot, usedAt: l1.now() })
    const [oldest] = held.keys()
    if (held.size > MAX_HELD && oldest !== undefined) held.delete(oldest)
  }

  const letGo = (): void => {
    const now = l1.now()
    for (const [name, { usedAt }] of held) {
      if (now < usedAt + HELD_MILLIS) return
      held.delete(name)
    }
  }

  const first = (): Asked => ({
    name: `${mark}.${taken++}`,
    snapshot: Snapshot.take(l1.current(), l1.now()),
    from: Snapshot.start,
  })

  const next = (prefix: string, cursor: string): Result.Result<Asked, BadCursor | CursorExpired> =>
    Result.flatMap(cursors.decode(prefix, cursor), ([name, bucket, entry]) => {
      const snapshot = held.get(name)?.snapshot
      return snapshot === undefined
        ? Result.fail(new CursorExpired())
        : Result.succeed({ name, snapshot, from: { bucket, entry } })
    })

  const read = (prefix: string, limit: number, { from, name, snapshot }: Asked): Page => {
    const page = Snapshot.page(snapshot, from, limit, MAX_SEEN, isListed(prefix))
    if (page.next !== undefined || held.has(name)) hold(name, snapshot)
    return {
      keys: page.entries.map(({ key, storeExpiresAt, value }) => ({
        key,
        size: Buffer.byteLength(value),
        ttlMillis: storeExpiresAt === undefined ? Infinity : storeExpiresAt - snapshot.takenAt,
      })),
      cursor: Option.map(Option.fromUndefinedOr(page.next), ({ bucket, entry }) =>
        cursors.encode(prefix, [name, bucket, entry]),
      ),
      skipped: 0,
    }
  }

  yield* Effect.forkScoped(Effect.repeat(Effect.sync(letGo), Schedule.spaced(SWEEP_EVERY)))
  return Listings.of({
    page: ({ cursor, limit, prefix }) =>
      Effect.suspend(() => {
        letGo()
        const asked = Option.match(cursor, {
          onNone: () => Result.succeed(first()),
          onSome: (text) => next(prefix, text),
        })
        return Effect.fromResult(Result.map(asked, (page) => read(prefix, limit, page)))
      }),
    held: () => held.size,
  })
})

const isListed =
  (prefix: string) =>
  (entry: Entry): entry is Present =>
    entry.value !== undefined && entry.key.startsWith(prefix) && !entry.key.startsWith(RESERVED_PREFIX)

/** Listings of the given L1. */
export const layer: Layer.Layer<Listings, never, L1> = Layer.effect(Listings, make)
