import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as RedisUrl from "../../src/store/RedisUrl.ts"

const parsed = (url: string) => Result.getOrThrow(RedisUrl.parse(url))

const refused = (url: string) => Result.getOrThrow(Result.flip(RedisUrl.parse(url))).reason

const LOCAL: RedisUrl.RedisUrl = {
  host: "localhost",
  port: 6379,
  tls: false,
  username: undefined,
  password: undefined,
  db: 0,
}

describe("RedisUrl", () => {
  it("what a URL leaves out has a default", () => {
    for (const url of ["redis://", "redis://localhost", "redis://localhost/", "redis://localhost:6379/0"]) {
      assert.deepStrictEqual(parsed(url), LOCAL, url)
    }
  })

  it("host, port, user, password, database and TLS are read from it", () => {
    assert.deepStrictEqual(parsed("rediss://user:p%40ss%2Fword%20%25@example.com:7000/15"), {
      host: "example.com",
      port: 7000,
      tls: true,
      username: "user",
      password: "p@ss/word %",
      db: 15,
    })
    assert.deepStrictEqual(parsed("redis://:secret@[::1]:7000"), {
      ...LOCAL,
      host: "::1",
      port: 7000,
      password: "secret",
    })
  })

  it("only a name is asked for in TLS, no address", () => {
    assert.strictEqual(RedisUrl.serverName(parsed("rediss://example.com")), "example.com")
    assert.strictEqual(RedisUrl.serverName(parsed("rediss://127.0.0.1")), undefined)
    assert.strictEqual(RedisUrl.serverName(parsed("rediss://[::1]")), undefined)
  })

  it("what cannot be meant is refused, and no reason repeats the password", () => {
    const refusals: ReadonlyArray<readonly [url: string, reason: RegExp]> = [
      ["", /not a URL/u],
      ["localhost:6379", /expected redis: or rediss:/u],
      ["http://:secret@localhost", /expected redis: or rediss:/u],
      ["redis://:secret@localhost/db0", /number of a database/u],
      ["redis://:secret@localhost/1/2", /number of a database/u],
      ["redis://:secret@localhost/-1", /number of a database/u],
      ["redis://:secret@localhost:99999", /not a URL/u],
      ["redis://:secret@localhost?db=1", /parameters/u],
      ["redis://:secret@localhost#1", /parameters/u],
      ["redis://:secret%@localhost", /%/u],
    ]
    for (const [url, reason] of refusals) {
      assert.match(refused(url), reason, url)
      assert.notInclude(refused(url), "secret")
    }
  })
})
