/**
 * Opens `store.sqlite` in a directory, for this process alone: one file, one writer, and whoever comes second
 * is told so at once.
 */
import { existsSync, mkdirSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqliteFault from "./SqliteFault.ts"

/** The directory cannot be used. `reason` completes the sentence "cannot be opened: …". */
export class StoreOpenFailed extends Schema.TaggedError<StoreOpenFailed>()("StoreOpenFailed", {
  directory: Schema.String,
  reason: Schema.String,
}) {}

const FILE = "store.sqlite"
/** "CMst": tells our files from the databases of other programs. */
const APPLICATION_ID = 0x434d7374
const SCHEMA_VERSION = 1

/**
 * Keys are blobs, so that they are ordered as bytes. Expiry is in wall-clock milliseconds, NULL for never. The
 * number of rows is kept beside them, because counting reads the whole table.
 */
const SCHEMA = `
BEGIN IMMEDIATE;
CREATE TABLE entries (key BLOB PRIMARY KEY, expires_at INTEGER, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX entries_expires_at ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE totals (entries INTEGER NOT NULL) STRICT;
INSERT INTO totals VALUES (0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
COMMIT;`

/**
 * Before any other access: then the lock is taken once and kept, and no memory is shared with others. Taken by a
 * transaction that does nothing: of two that only read at first, each would keep the other from ever writing.
 * Waits a little for one that is just closing, or giving up.
 */
const LOCK = "PRAGMA busy_timeout = 500; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT"

/** Changes the file, so only when it is ours. Every commit reaches the disk; on a Mac that takes one word more. */
const SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON"

/** Open while the scope lives. Closing writes the log back into the file and removes it. */
export const open = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<DatabaseSync, StoreOpenFailed, Scope.Scope> {
  const failed = (reason: string) => new StoreOpenFailed({ directory, reason })
  const attempt = <A>(work: () => A) =>
    Effect.try({ try: work, catch: (error) => failed(SqliteFault.reasonOfOpening(error)) })

  yield* attempt(() => makeDirectory(resolve(directory)))
  const database = yield* Effect.acquireRelease(
    attempt(() => new (load().DatabaseSync)(join(directory, FILE))),
    (opened) => Effect.sync(() => opened.close()),
  )
  yield* attempt(() => database.exec(LOCK))
  const ask = (sql: string) => attempt(() => Number(Object.values(database.prepare(sql).get() ?? {})[0]))
  const isNew = (yield* ask("SELECT count(*) FROM sqlite_schema")) === 0
  if (!isNew && (yield* ask("PRAGMA application_id")) !== APPLICATION_ID) {
    return yield* failed(`${FILE} is the database of another program`)
  }
  if (!isNew && (yield* ask("PRAGMA user_version")) > SCHEMA_VERSION) {
    return yield* failed(`${FILE} was written by a newer version of cache-mechanism`)
  }
  yield* attempt(() => database.exec(isNew ? `${SETTINGS}; ${SCHEMA}` : SETTINGS))
  return database
})

/** Level by level: Node's own recursion never ends where the system denies that a parent exists, as in /proc. */
const makeDirectory = (path: string): void => {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  const parent = dirname(path)
  if (!existsSync(parent)) makeDirectory(parent)
  mkdirSync(path)
}

/** Loaded when first used, so that Node's warning about an experimental module can be held back: it, no other. */
const load = (): typeof import("node:sqlite") => {
  // oxlint-disable-next-line no-restricted-globals -- there is no other way to load quietly
  const node = process
  const { emitWarning } = node
  node.emitWarning = () => {}
  try {
    return node.getBuiltinModule("node:sqlite")
  } finally {
    node.emitWarning = emitWarning
  }
}
