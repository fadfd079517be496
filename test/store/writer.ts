/**
 * A process that writes numbered values into the store of a directory until it is killed, and prints each key
 * once its write is acknowledged; with "early" as soon as it is asked for, which is a lie.
 */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as StoreSqlite from "../../src/store/StoreSqlite.ts"
import { Store } from "../../src/store/Store.ts"

const [, , directory = "", name = "", early] = process.argv

const print = (key: string) => Effect.sync(() => writeSync(1, `${key}\n`))

const write = (fiber: number) =>
  Effect.gen(function* () {
    const store = yield* Store
    for (let number = 0; ; number++) {
      const key = `${name}-${fiber}-${number}`
      if (early !== undefined) yield* print(key)
      yield* store.write(key, Buffer.from(key.repeat(1 + (number % 40))))
      if (early === undefined) yield* print(key)
    }
  })

await Effect.runPromise(
  Effect.provide(
    Effect.forEach([1, 2, 3, 4, 5], write, { concurrency: "unbounded" }),
    StoreSqlite.layer({ directory }),
  ),
)
