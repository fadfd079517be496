/** What an error of SQLite means for whoever waits (https://sqlite.org/rescode.html). */
import { OutcomeUnknown, OutOfMemory, StoreUnavailable } from "./Store.ts"

const BUSY = 5
const IO_ERROR = 10
const FULL = 13
const NOT_A_DATABASE = 26

export type WriteFault = StoreUnavailable | OutcomeUnknown | OutOfMemory

/** Nothing was changed. */
export const unavailable = (error: unknown): StoreUnavailable =>
  new StoreUnavailable({ reason: reasonOf(error) })

/** While a transaction was being made: it was undone. */
export const ofStatement = (error: unknown): WriteFault =>
  codeOf(error) === FULL ? new OutOfMemory({ reason: reasonOf(error) }) : unavailable(error)

/** While it was being committed. When the disk fails at that moment, the log may hold the commit after all. */
export const ofCommit = (error: unknown): WriteFault =>
  codeOf(error) === IO_ERROR ? new OutcomeUnknown({ reason: reasonOf(error) }) : ofStatement(error)

export const reasonOfOpening = (error: unknown): string => {
  switch (codeOf(error)) {
    case BUSY:
      return "another process is using it"
    case NOT_A_DATABASE:
      return "store.sqlite is damaged, or not a database"
    default:
      return reasonOf(error)
  }
}

/** The primary code, without its extension. */
const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined

/** SQLite's own words for the code, which name no data; of other errors only the code. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "unknown error"
  if ("errstr" in error && typeof error.errstr === "string") return error.errstr
  if ("code" in error && error.code === "ERR_INVALID_STATE") return "closed"
  return "code" in error && typeof error.code === "string" ? error.code : error.name
}
