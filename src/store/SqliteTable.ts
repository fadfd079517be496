/** The entries in SQLite and their number, as plain synchronous steps. Every step throws what SQLite throws. */
import { Buffer } from "node:buffer"
import type { DatabaseSync } from "node:sqlite"
import type { Transactions } from "./GroupCommit.ts"

export interface Row {
  /** Wall-clock milliseconds; `Infinity`: never. */
  readonly expiresAt: number
  /** Empty when only peeked at. */
  readonly value: Uint8Array
}

export interface ListedRow {
  readonly key: string
  readonly expiresAt: number
  readonly size: number
}

/** Rows are as they are stored, expired ones included. What writes is to be called within a transaction. */
export interface SqliteTable extends Transactions {
  readonly get: (key: string) => Row | undefined
  /** Without reading the value. */
  readonly peek: (key: string) => Row | undefined
  readonly insert: (key: string, value: Uint8Array, expiresAt: number) => void
  readonly replace: (key: string, value: Uint8Array, expiresAt: number) => void
  readonly delete: (key: string) => void
  /** The first keys that begin with `prefix`, after the key `after` if given, in the order of their bytes. */
  readonly range: (prefix: string, after: string | undefined, limit: number) => ReadonlyArray<ListedRow>
  readonly rows: () => number
}

/** Expired rows that one transaction removes, at most. */
const PURGE_MAX = 100

/** Node 22 binds an array of no bytes as NULL. */
const BLOB = "coalesce(?, x'')"

/** Every transaction begins by removing some of the expired rows. */
export const make = (database: DatabaseSync, now: () => number): SqliteTable => {
  const select = database.prepare("SELECT expires_at, value FROM entries WHERE key = ?")
  const selectExpiry = database.prepare("SELECT expires_at FROM entries WHERE key = ?")
  const insert = database.prepare(`INSERT INTO entries (key, expires_at, value) VALUES (?, ?, ${BLOB})`)
  const update = database.prepare(`UPDATE entries SET expires_at = ?, value = ${BLOB} WHERE key = ?`)
  const remove = database.prepare("DELETE FROM entries WHERE key = ?")
  const purge = database.prepare(
    `DELETE FROM entries WHERE key IN
     (SELECT key FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ${PURGE_MAX})`,
  )
  const range = database.prepare(
    `SELECT key, expires_at, length(value) AS size FROM entries
     WHERE key >= ${BLOB} AND key < ? ORDER BY key LIMIT ?`,
  )
  const addToTotal = database.prepare("UPDATE totals SET entries = entries + ?")
  const begin = database.prepare("BEGIN IMMEDIATE")
  const commit = database.prepare("COMMIT")

  let rows = Number(database.prepare("SELECT entries FROM totals").get()?.["entries"])
  /** By the transaction that is being made. */
  let added = 0

  return {
    get: (key) => rowOf(select.get(bytesOf(key))),
    peek: (key) => rowOf(selectExpiry.get(bytesOf(key))),
    insert: (key, value, expiresAt) => {
      insert.run(bytesOf(key), columnOf(expiresAt), value)
      added++
    },
    replace: (key, value, expiresAt) => {
      update.run(columnOf(expiresAt), value, bytesOf(key))
    },
    delete: (key) => {
      added -= Number(remove.run(bytesOf(key)).changes)
    },
    range: (prefix, after, limit) =>
      range
        .all(after === undefined ? bytesOf(prefix) : bytesOf(`${after}\0`), endOf(prefix), limit)
        .map(({ expires_at, key, size }) => ({
          key: textOf(key),
          expiresAt: expiryOf(expires_at),
          size: Number(size),
        })),
    rows: () => rows,
    begin: () => {
      begin.run()
      added = -Number(purge.run(now()).changes)
    },
    commit: () => {
      if (added !== 0) addToTotal.run(added)
      commit.run()
      rows += added
    },
    rollback: () => {
      try {
        database.exec("ROLLBACK")
      } catch {
        // After some errors, a full disk for one, SQLite has undone the transaction itself; then there is none.
      }
    },
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text)

const textOf = (column: unknown): string =>
  column instanceof Uint8Array ? Buffer.from(column).toString() : ""

const expiryOf = (column: unknown): number => (typeof column === "number" ? column : Infinity)

const columnOf = (expiresAt: number): number | null => (expiresAt === Infinity ? null : expiresAt)

const rowOf = (row: Readonly<Record<string, unknown>> | undefined): Row | undefined => {
  if (row === undefined) return undefined
  const { expires_at, value } = row
  return { expiresAt: expiryOf(expires_at), value: value instanceof Uint8Array ? value : EMPTY }
}

const EMPTY = new Uint8Array()

/** The first bytes after all that begin with the prefix. The last byte of UTF-8 is never the highest one. */
const endOf = (prefix: string): Uint8Array => {
  const bytes = Buffer.from(prefix)
  const last = bytes.at(-1)
  return last === undefined ? AFTER_ALL : Buffer.concat([bytes.subarray(0, -1), Buffer.of(last + 1)])
}

/** No UTF-8 begins with this byte. */
const AFTER_ALL = Uint8Array.of(0xff)
