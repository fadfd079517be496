/**
 * What went wrong with a command, as far as it can be known, and what that means for a read and for a write.
 *
 * Everything rests on one distinction: a command that surely never left (nothing was changed), one that was
 * answered with an error (nothing was changed: our scripts write once, as the last thing they do), and one
 * that left and was not answered (nobody knows).
 */
import { OutcomeUnknown, OutOfMemory, StoreUnavailable, WrongType } from "./Store.ts"

export type RedisFault =
  | { readonly _tag: "NotSent"; readonly reason: string }
  | { readonly _tag: "NoAnswer"; readonly reason: string }
  /** `code` is the first word of the server's error. */
  | {
      readonly _tag: "Refused"
      readonly code: string
      readonly reason: string
      readonly redirect?: Redirect
    }

/** Where a node of a cluster says that the key's slot is: for good, or for this one command. */
export interface Redirect {
  readonly kind: "MOVED" | "ASK"
  readonly slot: number
  /** Empty: the host of the node that said so. */
  readonly host: string
  readonly port: number
}

export const notSent = (reason: string): RedisFault => ({ _tag: "NotSent", reason })

export const noAnswer = (reason: string): RedisFault => ({ _tag: "NoAnswer", reason })

/** Something between us and Redis speaks in its name. */
export const unexpected: RedisFault = noAnswer("unexpected reply")

/** The fault behind an error of ioredis. An error that is not known counts as no answer: the careful reading. */
export const of = (error: unknown): RedisFault => {
  if (!(error instanceof Error)) return noAnswer("unknown error")
  if (error.name === "ReplyError") return refused(error.message)
  if (error.message.startsWith("Stream isn't writeable")) return notSent("not connected")
  if (error.message === "Command timed out") return noAnswer("no answer in time")
  return noAnswer("connection lost")
}

export const ofRead = (fault: RedisFault, key: string): StoreUnavailable | WrongType =>
  isWrongType(fault) ? new WrongType({ key }) : unavailable(fault)

export const ofWrite = (
  fault: RedisFault,
  key: string,
): StoreUnavailable | OutcomeUnknown | WrongType | OutOfMemory => {
  if (fault._tag === "NoAnswer") return new OutcomeUnknown({ reason: fault.reason })
  if (isWrongType(fault)) return new WrongType({ key })
  if (fault._tag === "Refused" && fault.code === "OOM") return new OutOfMemory({ reason: fault.reason })
  return unavailable(fault)
}

/** For questions that are not about one key. */
export const unavailable = (fault: RedisFault): StoreUnavailable =>
  new StoreUnavailable({ reason: fault.reason })

/**
 * Refused whenever it is asked. BUSY, NOAUTH and their like pass; what names no code is an unknown command, or
 * unknown words of a known one.
 */
export const isForGood = (fault: RedisFault): boolean =>
  fault._tag === "Refused" && (fault.code === "NOPERM" || fault.code === "ERR")

/**
 * Why a connection failed, in a few words. System errors have a code; the server's own words lose what
 * follows their code; other messages are ioredis's and are its alone.
 */
export const reasonOfConnection = (error: Error): string => {
  if (error.name === "ReplyError") return refused(error.message).reason
  if (error.message.startsWith("Socket timeout")) return "no answer in time"
  const call = "syscall" in error && typeof error.syscall === "string" ? `${error.syscall} ` : ""
  return "code" in error && typeof error.code === "string" ? `${call}${error.code}` : "connection failed"
}

export const isWrongType = (fault: RedisFault): boolean =>
  fault._tag === "Refused" && fault.code === "WRONGTYPE"

/** Before version 7 the server wraps an error in a script: `ERR Error running script (…): @user_script:1: OOM …`. */
const IN_SCRIPT = /^ERR Error running script .*@user_script: ?\d+: -?(?=[A-Z]+ )/su

/** What is told of errors without a code of their own. Anything else might hold a key. */
const PLAIN =
  /^ERR (?:unknown command|max number of clients reached|DB index is out of range|The user executing the script can't run this command)/u

const refused = (message: string): Extract<RedisFault, { readonly _tag: "Refused" }> => {
  const text = message.replace(IN_SCRIPT, "")
  const code = /^[A-Z]+(?= |$)/u.exec(text)?.[0] ?? "ERR"
  const redirect = redirectOf(text)
  return {
    _tag: "Refused",
    code,
    reason: PLAIN.exec(text)?.[0] ?? code,
    ...(redirect === undefined ? {} : { redirect }),
  }
}

const redirectOf = (text: string): Redirect | undefined => {
  const [, kind, slot, host = "", port] = /^(MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/u.exec(text) ?? []
  return kind === "MOVED" || kind === "ASK"
    ? { kind, slot: Number(slot), host, port: Number(port) }
    : undefined
}
