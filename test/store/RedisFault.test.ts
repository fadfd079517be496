import { assert, describe, it } from "@effect/vitest"
import * as RedisFault from "../../src/store/RedisFault.ts"

const reply = (message: string): Error => Object.assign(new Error(message), { name: "ReplyError" })

const system = (fields: Readonly<Record<string, unknown>>): Error => Object.assign(new Error("text"), fields)

const shown = (error: { readonly _tag: string; readonly reason?: string }): string =>
  "reason" in error ? `${error._tag} ${error.reason}` : error._tag

const IN_SCRIPT_6 = "ERR Error running script (call to f_5e1c): @user_script:7:"
const IN_SCRIPT_7 = " script: 5e1c, on @user_script:7."

const REPLIES: ReadonlyArray<readonly [message: string, write: string]> = [
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "WrongType"],
  [`WRONGTYPE Operation against a key holding the wrong kind of value${IN_SCRIPT_7}`, "WrongType"],
  [`${IN_SCRIPT_6} WRONGTYPE Operation against a key holding the wrong kind of value`, "WrongType"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "OutOfMemory OOM"],
  [
    `${IN_SCRIPT_6} @user_script: 7: -OOM command not allowed when used memory > 'maxmemory'.`,
    "OutOfMemory OOM",
  ],
  ["READONLY You can't write against a read only replica.", "StoreUnavailable READONLY"],
  ["LOADING Redis is loading the dataset in memory", "StoreUnavailable LOADING"],
  ["MISCONF Redis is configured to save RDB snapshots, but …", "StoreUnavailable MISCONF"],
  ["NOAUTH Authentication required.", "StoreUnavailable NOAUTH"],
  ["NOPERM this user has no permissions to run the 'set' command", "StoreUnavailable NOPERM"],
  ["CLUSTERDOWN Hash slot not served", "StoreUnavailable CLUSTERDOWN"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "StoreUnavailable TRYAGAIN"],
  ["MOVED 3999 127.0.0.1:6381", "StoreUnavailable MOVED"],
  ["ERR max number of clients reached", "StoreUnavailable ERR max number of clients reached"],
  ["ERR unknown command 'secret', with args beginning with: 'key' ", "StoreUnavailable ERR unknown command"],
  ["ERR DB index is out of range", "StoreUnavailable ERR DB index is out of range"],
  ["ERR invalid key secret-key-1", "StoreUnavailable ERR"],
  ["ERR", "StoreUnavailable ERR"],
  ["", "StoreUnavailable ERR"],
  ["SECRET-KEY", "StoreUnavailable ERR"],
  ["lower case secret", "StoreUnavailable ERR"],
]

describe("RedisFault", () => {
  it("a server's error is known to have changed nothing, and its code is all that is told of it", () => {
    for (const [message, write] of REPLIES) {
      const fault = RedisFault.of(reply(message))
      assert.strictEqual(shown(RedisFault.ofWrite(fault, "key")), write, message)
      const read = write === "WrongType" ? write : write.replace("OutOfMemory", "StoreUnavailable")
      assert.strictEqual(shown(RedisFault.ofRead(fault, "key")), read, message)
    }
  })

  it("only an error that says so means that nothing was sent", () => {
    const fault = RedisFault.of(new Error("Stream isn't writeable and enableOfflineQueue options is false"))
    assert.strictEqual(shown(RedisFault.ofWrite(fault, "key")), "StoreUnavailable not connected")
  })

  it("every other error leaves a write unknown and a read unavailable", () => {
    for (const error of [
      new Error("Command timed out"),
      new Error("Reached the max retries per request limit (which is 0)."),
      new Error("Connection is closed."),
      new Error("Command aborted due to connection close"),
      system({ code: "ECONNRESET", syscall: "read" }),
      "not an error",
      undefined,
      null,
    ]) {
      const fault = RedisFault.of(error)
      assert.strictEqual(RedisFault.ofWrite(fault, "key")._tag, "OutcomeUnknown", String(error))
      assert.strictEqual(RedisFault.ofRead(fault, "key")._tag, "StoreUnavailable", String(error))
    }
  })

  it("a connection's end is told in a few words that name no host", () => {
    const told: ReadonlyArray<readonly [Error, string]> = [
      [system({ code: "ECONNREFUSED", syscall: "connect" }), "connect ECONNREFUSED"],
      [system({ code: "ENOTFOUND", syscall: "getaddrinfo" }), "getaddrinfo ENOTFOUND"],
      [system({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), "DEPTH_ZERO_SELF_SIGNED_CERT"],
      [reply("WRONGPASS invalid username-password pair or user is disabled."), "WRONGPASS"],
      [new Error("Socket timeout. Expecting data, but didn't receive any in 1000ms."), "no answer in time"],
      [new Error("host-name"), "connection failed"],
    ]
    for (const [error, reason] of told) assert.strictEqual(RedisFault.reasonOfConnection(error), reason)
  })
})
