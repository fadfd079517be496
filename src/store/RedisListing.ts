/**
 * Pages of key names out of SCAN.
 *
 * SCAN's cursor stands between buckets of the server's hash table, and a reply holds whole buckets: about as
 * many names as asked for, sometimes more. A page must not hold more than its limit, must not skip a name,
 * and its cursor must fit in a URL. So: ask for a little less than fits. When a reply holds more than fits,
 * forget it and ask again, from the same place, for less. When even one bucket does not fit, end the page
 * before it; and when that would leave the page empty, put what is left of the bucket into the cursor.
 * (A mark within the bucket would not do: between two pages the table may shrink, and then one bucket holds
 * names that another did, some from before the mark and some from after.)
 *
 * Where several servers hold the data they are scanned one after the other. A cursor is refused once they are
 * not the same servers any more: another one's hash table is another one. Keys that move from a server not
 * scanned yet to one that was are missed, as with every scan of a cluster; they are not lost to readers.
 */
import { Buffer, isUtf8 } from "node:buffer"
import { hash } from "node:crypto"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Key, RESERVED_PREFIX } from "../core/Entry.ts"
import * as Cursor from "./Cursor.ts"
import { type Done, type Part, partsOf, type RedisClient } from "./RedisClient.ts"
import * as RedisFault from "./RedisFault.ts"
import * as RedisScript from "./RedisScript.ts"
import {
  BadCursor,
  type Listed,
  type Page,
  READ_MANY_CHUNK,
  type Store,
  type StoreUnavailable,
} from "./Store.ts"

/** How many keys one SCAN may look at: some 300 microseconds of the server. */
const SCAN_MAX = 1000
/** How often a page asks, at most: one where few names match ends short, even empty. */
const ROUNDS_MAX = 24
/** Asking for less than fits makes it likely that the last bucket still fits. */
const MARGIN = 0.9
/** Longer names are no entries, see `Key`. */
const KEY_MAX_BYTES = 1024
const UINT64_MAX = 2n ** 64n - 1n

/** Where SCAN goes on, `null`: it has been all around; and names of the bucket before it that did not fit. */
const Place = Schema.Struct({
  scan: Schema.NullOr(
    Schema.String.check(
      Schema.isPattern(/^\d{1,20}$/u),
      Schema.makeFilter((text) => BigInt(text) <= UINT64_MAX),
    ),
  ),
  left: Schema.Array(Schema.String),
  /** Which of several servers, and a mark of all of them. */
  part: Schema.optionalKey(Schema.Tuple([Schema.Natural, Schema.String])),
})
type Place = typeof Place.Type

const cursors = Cursor.make("redis", Place)

interface Sifted {
  readonly keys: ReadonlyArray<Key>
  /** Of every name, also those that are no keys. */
  readonly identities: ReadonlyArray<string>
  readonly skipped: number
}

export const make = (client: RedisClient, keyPrefix: string): Store["Service"]["list"] => {
  const prefixBytes = Buffer.byteLength(keyPrefix)

  const keysPerScript = client.distribution?.keysPerScript ?? READ_MANY_CHUNK

  const scan = (part: Part, cursor: string, pattern: string, count: number) =>
    ask(scannedOf, (done) => part.send("SCAN", [cursor, "MATCH", pattern, "COUNT", count], done))

  const describe = (keys: ReadonlyArray<Key>) =>
    ask(
      (reply) => describedOf(keys, reply),
      (done) =>
        client.run(
          RedisScript.DESCRIBE,
          keys.map((key) => keyPrefix + key),
          [],
          done,
        ),
    )

  return Effect.fnUntraced(function* ({
    cursor,
    limit,
    prefix,
  }): Effect.fn.Return<Page, StoreUnavailable | BadCursor> {
    const pattern = `${escapeGlob(keyPrefix + prefix)}*`
    const parts = partsOf(client)
    const mark = markOf(parts)
    const start = yield* Effect.fromResult(startOf(prefix, cursor, mark))
    let { left: keys, scan: at } = start
    let [index] = start.part ?? [0]
    let skipped = 0
    const seen = new Set(keys.map((key) => identify(Buffer.from(keyPrefix + key))))
    let density = 1
    let count = countFor(limit - keys.length, density)
    for (let round = 0; round < ROUNDS_MAX && at !== null && keys.length < limit; round++) {
      const [next, names] = yield* scan(parts[index] ?? parts[0], at, pattern, count)
      const sifted = sift(names, prefixBytes, seen)
      const room = limit - keys.length
      density = Math.max(sifted.keys.length, 0.5) / count
      if (sifted.keys.length > room && count > 1) {
        // At least halved, so that some progress is made within the rounds of any page.
        count = Math.min(countFor(room, density), count >> 1)
        continue
      }
      if (sifted.keys.length > room && keys.length > 0) break
      keys = [...keys, ...sifted.keys]
      skipped += sifted.skipped
      for (const identity of sifted.identities) seen.add(identity)
      at = next !== "0" ? next : ++index < parts.length ? "0" : null
      count = countFor(limit - keys.length, density)
    }
    const described = yield* Effect.forEach(Arr.chunksOf(keys.slice(0, limit), keysPerScript), describe, {
      concurrency: "unbounded",
    })
    const left = keys.slice(limit)
    return {
      keys: described.flatMap((chunk) => chunk.listed),
      cursor:
        at === null && left.length === 0
          ? Option.none()
          : Option.some(
              cursors.encode(prefix, { scan: at, left, ...(mark === "" ? {} : { part: [index, mark] }) }),
            ),
      skipped: described.reduce((sum, chunk) => sum + chunk.skipped, skipped),
    }
  })
}

const countFor = (room: number, density: number): number =>
  Math.min(Math.max(Math.floor((MARGIN * room) / density), 1), SCAN_MAX)

/** A cursor may come from anyone: it must not reach names that its prefix, which others check, does not. */
const startOf = (
  prefix: string,
  cursor: Option.Option<string>,
  mark: string,
): Result.Result<Place, BadCursor> =>
  Option.match(cursor, {
    onNone: () => Result.succeed({ scan: "0", left: [] }),
    onSome: (text) =>
      Result.filterOrFail(
        cursors.decode(prefix, text),
        ({ left, part = [0, ""] }) =>
          part[1] === mark && left.every((key) => key.startsWith(prefix) && !key.startsWith(RESERVED_PREFIX)),
        () => new BadCursor({ cursor: text }),
      ),
  })

/** The keys among names that were not seen before; SCAN may repeat itself. */
const sift = (names: ReadonlyArray<Buffer>, prefixBytes: number, seen: ReadonlySet<string>): Sifted => {
  const fresh = new Map<string, Buffer>()
  for (const name of names) {
    const text = identify(name)
    if (!seen.has(text)) fresh.set(text, name.subarray(prefixBytes))
  }
  const keys: Array<Key> = []
  let skipped = 0
  for (const name of fresh.values()) {
    const key = isKey(name) ? name.toString() : undefined
    if (key === undefined) skipped++
    else if (!key.startsWith(RESERVED_PREFIX)) keys.push(key)
  }
  return { keys, identities: [...fresh.keys()], skipped }
}

/** Text that differs when the bytes do. */
const identify = (name: Buffer): string => name.toString("latin1")

const isKey = (name: Buffer): boolean => name.length > 0 && name.length <= KEY_MAX_BYTES && isUtf8(name)

const escapeGlob = (text: string): string => text.replace(/[*?[\]\\]/gu, "\\$&")

const ask = <A>(
  decode: (reply: unknown) => A | undefined,
  send: (done: Done) => void,
): Effect.Effect<A, StoreUnavailable> =>
  Effect.callback((resume) =>
    send((fault, reply) => {
      const decoded = fault === undefined ? decode(reply) : undefined
      resume(
        decoded === undefined
          ? Effect.fail(RedisFault.unavailable(fault ?? RedisFault.unexpected))
          : Effect.succeed(decoded),
      )
    }),
  )

const scannedOf = (reply: unknown): readonly [next: string, names: ReadonlyArray<Buffer>] | undefined => {
  if (!Array.isArray(reply)) return undefined
  const [next, names]: ReadonlyArray<unknown> = reply
  return Buffer.isBuffer(next) && Array.isArray(names) && names.every((name) => Buffer.isBuffer(name))
    ? [next.toString(), names]
    : undefined
}

const describedOf = (
  keys: ReadonlyArray<Key>,
  reply: unknown,
): { readonly listed: ReadonlyArray<Listed>; readonly skipped: number } | undefined => {
  if (!Array.isArray(reply)) return undefined
  const listed: Array<Listed> = []
  let skipped = 0
  for (const [index, key] of keys.entries()) {
    const size: unknown = reply[2 * index]
    const ttl: unknown = reply[2 * index + 1]
    if (typeof size !== "number" || typeof ttl !== "number") return undefined
    // Gone since the scan.
    if (ttl === -2) continue
    if (size < 0) skipped++
    else listed.push({ key, size, ttlMillis: ttl < 0 ? Infinity : ttl })
  }
  return { listed, skipped }
}

/** Empty: one server, whoever that is. */
const markOf = (parts: ReadonlyArray<Part>): string => {
  const names = parts.map(({ name }) => name).join()
  return names === "" ? "" : hash("sha1", names, "hex").slice(0, 8)
}
