/**
 * One question to the store per key at a time.
 *
 * The question belongs to nobody's fiber: it runs in the layer's scope, and whoever needs the answer waits
 * for it. So an interrupted caller, even the first, ends nothing for the others, and an answer that nobody
 * waits for any more still fills L1. Which question a caller may join is not decided here but by the tokens
 * of `core/Fill.ts`: one that an invalidation has overtaken is never joined.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as CacheState from "../core/CacheState.ts"
import type { Entry, Key } from "../core/Entry.ts"
import type { Token } from "../core/Fill.ts"
import type { Lifetime } from "../core/Lifetime.ts"
import { Store, StoreUnavailable, type Stored, type WrongType } from "../store/Store.ts"
import { entryOf } from "./Content.ts"
import { L1 } from "./L1.ts"

export type LoadError = StoreUnavailable | WrongType

/** The store's answer. */
export interface Loaded {
  readonly entry: Entry
  /** It entered L1. */
  readonly stored: boolean
  /** Somebody else had asked already. */
  readonly collapsed: boolean
}

type Answer = Result.Result<{ readonly entry: Entry; readonly stored: boolean }, LoadError>
type Waiter = (answer: Answer) => void

export interface SingleFlight {
  /** Asks the store for the keys (each once), in one round trip for those that nobody asked for yet. */
  readonly load: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Result.Result<Loaded, LoadError>>>
  /** The same for one key. `anew`: the question is sent after this call, whoever has asked before. */
  readonly loadOne: (key: Key, anew?: boolean) => Effect.Effect<Loaded, LoadError>
}

export const make = Effect.fnUntraced(function* (lifetime: Lifetime) {
  const store = yield* Store
  const l1 = yield* L1
  const scope = yield* Effect.scope
  const random = yield* Random.Random
  const context = Context.omit(Scope.Scope)(yield* Effect.context<Scope.Scope>())
  const waiting = new Map<number, Array<Waiter>>()

  const land = (token: Token, answer: Answer): void => {
    const waiters = waiting.get(token.id) ?? []
    waiting.delete(token.id)
    // A copy: a waiter that is told runs on at once, and may end others, who leave the list.
    for (const waiter of waiters.slice()) waiter(answer)
  }

  const settle = (token: Token, stored: Option.Option<Stored>, askedAt: number): void => {
    const entry = entryOf(lifetime, token.key, stored, askedAt, random.nextDoubleUnsafe())
    const settled = l1.modify((state) => CacheState.settle(state, token, entry, l1.now()))
    land(token, Result.succeed({ entry, stored: settled._tag === "Installed" }))
  }

  const fail = (token: Token, error: LoadError): void => {
    l1.modify((state) => [undefined, CacheState.abandon(state, token)])
    land(token, Result.fail(error))
  }

  /** After a defect or at the end of the scope, too, the waiters get an answer. */
  const failAll = (tokens: ReadonlyArray<Token>, exit: Exit.Failure<unknown, LoadError>): void => {
    if (Cause.hasDies(exit.cause)) run(Effect.logError("a read of the store died", exit.cause), () => {})
    const error = Option.getOrElse(
      Exit.findErrorOption(exit),
      () => new StoreUnavailable({ reason: "the read ended without an answer" }),
    )
    for (const token of tokens) fail(token, error)
  }

  const run = <A>(
    effect: Effect.Effect<A, LoadError>,
    done: (exit: Exit.Exit<A, LoadError>) => void,
  ): void => {
    const fiber = Fiber.runIn(Effect.runForkWith(context)(effect), scope)
    fiber.addObserver(done)
  }

  const start = (tokens: ReadonlyArray<Token>): void => {
    const askedAt = l1.now()
    const [only] = tokens
    if (only !== undefined && tokens.length === 1) {
      run(store.read(only.key), (exit) =>
        Exit.isSuccess(exit) ? settle(only, exit.value, askedAt) : failAll(tokens, exit),
      )
    } else if (tokens.length > 1) {
      run(store.readMany(tokens.map((token) => token.key)), (exit) => {
        if (Exit.isFailure(exit)) return failAll(tokens, exit)
        tokens.forEach((token, index) => {
          const found = exit.value[index]
          if (found === undefined) return fail(token, new StoreUnavailable({ reason: "short answer" }))
          return Result.isSuccess(found) ? settle(token, found.success, askedAt) : fail(token, found.failure)
        })
      })
    }
  }

  /** Registers the waiter for a key; returns the token if the question is still to be asked. */
  const join = (
    key: Key,
    waiter: (collapsed: boolean) => Waiter,
    begin = CacheState.beginRead,
  ): readonly [leave: () => void, Token?] => {
    const begun = l1.modify((state) => begin(state, key))
    const collapsed = begun._tag === "Joined"
    const wait = waiter(collapsed)
    const waiters = waiting.get(begun.token.id) ?? []
    waiters.push(wait)
    waiting.set(begun.token.id, waiters)
    const leave = () => {
      const index = waiters.indexOf(wait)
      if (index >= 0) waiters.splice(index, 1)
    }
    return collapsed ? [leave] : [leave, begun.token]
  }

  const loaded =
    (collapsed: boolean) =>
    (answer: { readonly entry: Entry; readonly stored: boolean }): Loaded => ({ ...answer, collapsed })

  const loadOne: SingleFlight["loadOne"] = (key, anew = false) =>
    Effect.callback((resume) => {
      const waiter =
        (collapsed: boolean): Waiter =>
        (answer) => {
          resume(
            Result.isSuccess(answer)
              ? Effect.succeed(loaded(collapsed)(answer.success))
              : Effect.fail(answer.failure),
          )
        }
      const [leave, token] = join(key, waiter, anew ? CacheState.beginReadAnew : CacheState.beginRead)
      if (token !== undefined) start([token])
      return Effect.sync(leave)
    })

  const load: SingleFlight["load"] = (keys) =>
    keys.length === 0
      ? Effect.succeed([])
      : Effect.callback((resume) => {
          const answers = new Map<number, Result.Result<Loaded, LoadError>>()
          const leaves: Array<() => void> = []
          const tokens: Array<Token> = []
          keys.forEach((key, index) => {
            const [leave, token] = join(key, (collapsed) => (answer) => {
              answers.set(index, Result.map(answer, loaded(collapsed)))
              if (answers.size === keys.length) {
                resume(Effect.succeed(keys.flatMap((_, at) => answers.get(at) ?? [])))
              }
            })
            leaves.push(leave)
            if (token !== undefined) tokens.push(token)
          })
          start(tokens)
          return Effect.sync(() => leaves.forEach((leave) => leave()))
        })

  return { load, loadOne } satisfies SingleFlight
})
