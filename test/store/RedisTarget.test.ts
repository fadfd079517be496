import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as RedisTarget from "../../src/store/RedisTarget.ts"

const parsed = (url: string) => Result.getOrThrow(RedisTarget.parse(url))

const refused = (url: string) => Result.getOrThrow(Result.flip(RedisTarget.parse(url))).reason

const access: RedisTarget.Access = { tls: false, username: undefined, password: undefined, db: 0 }

describe("RedisTarget", () => {
  it("one server is one server", () => {
    assert.deepStrictEqual(parsed("redis://:secret@example.com/1"), {
      _tag: "Server",
      server: { ...access, host: "example.com", port: 6379, password: "secret", db: 1 },
    })
  })

  it("a sentinel group has sentinels, a name, and perhaps a database", () => {
    assert.deepStrictEqual(parsed("redis-sentinel://one:1,two,[::1]:3/main"), {
      _tag: "Sentinel",
      sentinels: [
        { host: "one", port: 1 },
        { host: "two", port: 26_379 },
        { host: "::1", port: 3 },
      ],
      group: "main",
      access,
    })
    assert.deepStrictEqual(parsed("redis-sentinel://us%40er:p%2Fw@one/my%20group/7"), {
      _tag: "Sentinel",
      sentinels: [{ host: "one", port: 26_379 }],
      group: "my group",
      access: { ...access, username: "us@er", password: "p/w", db: 7 },
    })
  })

  it("a cluster has nodes to begin with", () => {
    for (const end of ["", "/", "/0"]) {
      assert.deepStrictEqual(parsed(`redis-cluster://user:secret@one:1,two${end}`), {
        _tag: "Cluster",
        seeds: [
          { host: "one", port: 1 },
          { host: "two", port: 6379 },
        ],
        access: { ...access, username: "user", password: "secret" },
      })
    }
  })

  it("what cannot be meant is refused, and no reason repeats the password", () => {
    const refusals: ReadonlyArray<readonly [url: string, reason: RegExp]> = [
      ["http://:secret@localhost", /redis-sentinel: or redis-cluster:/u],
      ["rediss-cluster://:secret@localhost", /expected redis:/u],
      ["redis-cluster://", /host is missing/u],
      ["redis-cluster://:secret@one,", /host is missing/u],
      ["redis-cluster://:secret@one:1:2", /not a URL/u],
      ["redis-cluster://:secret@one:99999", /not a URL/u],
      ["redis-cluster://:secret@one/1", /no databases/u],
      ["redis-cluster://:secret%@one", /%/u],
      ["redis-cluster://:secret@one?x=1", /parameters/u],
      ["redis-cluster://:secret@one#x", /parameters/u],
      ["redis-sentinel://:secret@one", /name of a sentinel group/u],
      ["redis-sentinel://:secret@one/", /name of a sentinel group/u],
      ["redis-sentinel://:secret@one/main/x", /name of a sentinel group/u],
      ["redis-sentinel://:secret@one/%", /name of a sentinel group/u],
      ["redis-sentinel://:secret@one/main/1/2", /name of a sentinel group/u],
    ]
    for (const [url, reason] of refusals) {
      assert.match(refused(url), reason, url)
      assert.notInclude(refused(url), "secret")
    }
  })
})
