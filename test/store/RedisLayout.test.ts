import { assert, describe, it } from "@effect/vitest"
import * as RedisLayout from "../../src/store/RedisLayout.ts"
import * as RedisSlot from "../../src/store/RedisSlot.ts"

const clusterOf = (...lines: ReadonlyArray<string>) =>
  RedisLayout.ofCluster(Buffer.from(`${lines.join("\n")}\n`), "asked")

const master = (id: string, place: string, rest: string) => `${id} ${place} master - 0 0 ${rest}`

describe("RedisLayout", () => {
  it("nodes, slots and the newest epoch are read from what a node says", () => {
    const layout = clusterOf(
      master("a", ":7000@17000", "3 connected 0-99 200 [300->-b] [301-<-b]"),
      master("b", "10.0.0.2:7001@17001,b.example", "5 connected 100-199"),
      "c 10.0.0.3:7002@17002,c.example,shard-id=1 slave b 0 0 5 connected",
      master("d", "::1:7003@17003", "0 connected"),
      "e 10.0.0.5:7004@17004 master,fail? - 0 0 0 connected 201",
    )
    if (layout === undefined) return assert.fail("no layout")
    assert.strictEqual(layout.epoch, 5)
    assert.deepStrictEqual(
      layout.nodes.map(({ hostname, id, name, slots }) => [id, name, hostname, slots]),
      [
        ["b", "10.0.0.2:7001", "b.example", [100, 199]],
        ["c", "10.0.0.3:7002", "c.example", []],
        ["e", "10.0.0.5:7004", "", [201, 201]],
        ["d", "::1:7003", "", []],
        ["a", "asked:7000", "", [0, 99, 200, 200]],
      ],
    )
    const owners = RedisLayout.ownersOf(layout)
    assert.deepStrictEqual(
      [0, 99, 100, 199, 200, 201, 202, 300].map((slot) => owners[slot]?.id),
      ["a", "a", "b", "b", "a", "e", undefined, undefined],
    )
  })

  it("who is gone, or has failed without slots, is no node", () => {
    const layout = clusterOf(
      master("a", "h:1@2", "1 connected 0-16383"),
      "b h:2@3 master,fail - 0 0 2 disconnected",
      "c h:3@4 master,fail - 0 0 1 disconnected 5",
      "d :0@0 slave,noaddr a 0 0 1 disconnected",
      "e h:5@6 handshake - 0 0 0 disconnected",
    )
    assert.deepStrictEqual(
      layout?.nodes.map(({ id }) => id),
      ["a", "c"],
    )
  })

  it("what is no answer is none", () => {
    for (const reply of [null, 1, "text", Buffer.from(""), Buffer.from("a b c"), []]) {
      assert.strictEqual(RedisLayout.ofCluster(reply, "asked"), undefined)
      assert.strictEqual(RedisLayout.ofSentinel(reply, "asked"), undefined)
    }
  })

  it("to sentinels all slots belong to the master", () => {
    const reply = ["name", "main", "ip", "10.0.0.1", "port", "7000", "config-epoch", "4"].map((text) =>
      Buffer.from(text),
    )
    const layout = RedisLayout.ofSentinel(reply, "asked")
    assert.strictEqual(layout?.epoch, 4)
    const owners = new Set(layout === undefined ? [] : RedisLayout.ownersOf(layout).map((node) => node?.name))
    assert.deepStrictEqual([...owners], ["10.0.0.1:7000"])
  })

  it("of several sayings the newest counts, among equals the first", () => {
    const [one, two, three] = [4, 5, 5].map((epoch) => ({ epoch, nodes: [] }))
    if (one === undefined || two === undefined || three === undefined) return
    assert.strictEqual(RedisLayout.newest([one, two, three]), two)
    assert.strictEqual(RedisLayout.newest([]), undefined)
  })
})

describe("RedisSlot", () => {
  it("is what the specification says", () => {
    assert.strictEqual(RedisSlot.of("123456789"), 0x31c3)
    assert.strictEqual(RedisSlot.of(""), 0)
    assert.strictEqual(RedisSlot.of("{user1000}.following"), RedisSlot.of("user1000"))
    assert.strictEqual(RedisSlot.of("foo{{bar}}zap"), RedisSlot.of("{bar"))
    assert.strictEqual(RedisSlot.of("foo{bar}{zap}"), RedisSlot.of("bar"))
    assert.notStrictEqual(RedisSlot.of("foo{}{bar}"), RedisSlot.of("bar"))
    assert.notStrictEqual(RedisSlot.of("}bar{"), RedisSlot.of("bar"))
  })
})
