import { assert, describe, it } from "@effect/vitest"
import { History } from "./History.ts"
import { micros } from "./Time.ts"
import * as Value from "./Value.ts"
import { type Kind, Violations } from "./Violations.ts"

const KEY = 1
const OTHER = 2

/** One thing happens after the other, a microsecond apart at least. */
const scene = () => {
  const violations = new Violations()
  const history = new History(violations)
  let sequence = 0
  const after = <A>(act: () => A): A => {
    const now = micros()
    while (micros() === now);
    return act()
  }
  const write = (key = KEY): string => {
    const writing = after(() =>
      history.begin(key, (start) => Value.encode("o0", sequence++, { key, lifeMillis: 0, start })),
    )
    after(() => history.acknowledge(writing))
    return writing.text ?? ""
  }
  const begin = (key = KEY) => after(() => history.beginRead(key))
  const returned = (begun: ReturnType<typeof begin>, text: string | undefined) =>
    after(() => history.check(begun, text))
  const read = (text: string | undefined, key = KEY) => returned(begin(key), text)
  const fence = () => {
    const calledAt = after(micros)
    history.fence(history.floors.acknowledged(), calledAt)
  }
  const keep = () => after(() => history.floors.keep())
  const lose = (kept: ReturnType<typeof keep>, keys = [KEY]) => after(() => history.floors.lose(keys, kept))
  const look = (text: string | undefined) => {
    const asked = after(micros)
    after(() => history.look(KEY, text, asked))
  }
  const found = (): ReadonlyArray<Kind> => {
    history.tell({ writes: [], watermark: Infinity, done: false })
    return violations.kinds()
  }
  return { begin, fence, found, history, keep, look, lose, read, returned, after, write }
}

describe("History", () => {
  it("a read must not miss what had been acknowledged", () => {
    const { found, read, write } = scene()
    const [old, next] = [write(), write()]
    read(next)
    assert.deepStrictEqual(found(), [])
    read(old)
    assert.deepStrictEqual(found(), ["readYourWrites", "wentBack"])
  })

  it("a read may miss what a failover may have lost", () => {
    const { begin, found, keep, lose, read, returned, after, write } = scene()
    const old = write()
    const kept = keep()
    write()
    const begun = begin()
    const gone = lose(kept)
    after(gone)
    // Also one that began before.
    returned(begun, old)
    read(old)
    assert.deepStrictEqual(found(), [])
  })

  it("an absence may be a lost write", () => {
    const { found, keep, lose, read, after, write } = scene()
    const kept = keep()
    write()
    after(lose(kept))
    read(undefined)
    assert.deepStrictEqual(found(), [])
  })

  it("a read must not miss what had been acknowledged when all was replicated", () => {
    const { found, keep, lose, read, after, write } = scene()
    const old = write()
    write()
    const kept = keep()
    write()
    after(lose(kept))
    read(old)
    assert.deepStrictEqual(found(), ["readYourWrites"])
  })

  it("nor what was begun when the old master was gone", () => {
    const { found, keep, lose, read, after, write } = scene()
    const old = write()
    const gone = lose(keep())
    after(gone)
    write()
    read(old)
    assert.deepStrictEqual(found(), ["readYourWrites"])
  })

  it("nor what another master had", () => {
    const { found, keep, lose, read, after, write } = scene()
    const old = write(OTHER)
    const kept = keep()
    write(OTHER)
    after(lose(kept, [KEY]))
    read(old, OTHER)
    assert.deepStrictEqual(found(), ["readYourWrites"])
  })

  it("nor what was written in a first failover, when there is a second one", () => {
    const { found, keep, lose, read, after, write } = scene()
    after(lose(keep()))
    const [old] = [write(), write()]
    after(lose(keep()))
    read(old)
    assert.deepStrictEqual(found(), ["readYourWrites"])
  })

  for (const [what, held] of [
    ["a value", (old: string) => old],
    ["an absence", () => undefined],
  ] as const) {
    it(`what the new master does not have must not be read after a fence: it has ${what}`, () => {
      const { fence, found, keep, look, lose, read, after, write } = scene()
      const old = write()
      const kept = keep()
      const lost = write()
      after(lose(kept))
      look(held(old))
      read(lost)
      assert.deepStrictEqual(found(), [])
      fence()
      read(lost)
      assert.deepStrictEqual(found(), ["goneYetServed"])
    })
  }

  it("what the new master has may be read, and what was written to it since", () => {
    const { fence, found, keep, look, lose, read, after, write } = scene()
    const kept = keep()
    const survived = write()
    after(lose(kept))
    look(survived)
    fence()
    read(survived)
    read(write())
    assert.deepStrictEqual(found(), [])
  })
})
