/** A process that opens the store of a directory and prints why it could not, or that it could. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as StoreSqlite from "../../src/store/StoreSqlite.ts"

const [, , directory = "", warn] = process.argv

const outcome = Layer.build(StoreSqlite.layer({ directory })).pipe(
  Effect.scoped,
  Effect.match({ onSuccess: () => "opened", onFailure: ({ reason }) => reason }),
)
process.stdout.write(await Effect.runPromise(outcome))
if (warn !== undefined) process.emitWarning("a warning of somebody else")
