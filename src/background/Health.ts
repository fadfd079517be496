/** Whether the store answers: asked once a second, said once per change. */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import { Store } from "../store/Store.ts"

const EVERY = "1 second"

export interface StoreHealth {
  readonly status: "up" | "down"
  /** When the status began. */
  readonly since: DateTime.Utc
  /** Why it is down, in the store's words. */
  readonly reason?: string
}

export class Health extends Context.Service<
  Health,
  {
    readonly store: Effect.Effect<StoreHealth>
  }
>()("cache-mechanism/background/Health") {}

const logDown = ({ reason }: StoreHealth) =>
  Effect.annotateLogs(Effect.logWarning("store is down"), "reason", reason)

const make = Effect.gen(function* () {
  const store = yield* Store

  const look = Effect.gen(function* () {
    const failure = yield* Effect.match(store.probe, {
      onSuccess: () => undefined,
      onFailure: (error) => error.reason,
    })
    const since = yield* DateTime.now
    const health: StoreHealth =
      failure === undefined ? { status: "up", since } : { status: "down", since, reason: failure }
    return health
  })

  const first = yield* look
  const health = yield* Ref.make(first)
  if (first.status === "down") yield* logDown(first)

  const check = Effect.gen(function* () {
    const now = yield* look
    const before = yield* Ref.modify(health, (old) => [old, old.status === now.status ? old : now])
    if (before.status === now.status) return
    if (now.status === "down") yield* logDown(now)
    else yield* Effect.logInfo("store is up again")
  })
  yield* Effect.forkScoped(Effect.repeat(check, Schedule.spaced(EVERY)))
  return Health.of({ store: Ref.get(health) })
})

export const layer: Layer.Layer<Health, never, Store> = Layer.effect(Health, make)
