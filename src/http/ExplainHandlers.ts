/** What L1 knows of a key, in milliseconds from now. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { L1 } from "../cache/L1.ts"
import type { Entry, Key } from "../core/Entry.ts"
import * as Explanation from "../core/Explanation.ts"
import * as EntityTag from "../store/EntityTag.ts"
import { Store } from "../store/Store.ts"
import { Api } from "./api/Api.ts"
import * as Problems from "./api/Problems.ts"
import * as Conditions from "./Conditions.ts"
import * as Described from "./Described.ts"
import * as Refusals from "./Refusals.ts"

const NOTHING_HELD = {
  holds: "nothing",
  isTrusted: null,
  ageMillis: null,
  freshMillis: null,
  graceMillis: null,
  weight: null,
} as const

/** What is held of a key, at `now`. */
const heldOf = (entry: Entry | undefined, { freshUntil, isTrusted }: Explanation.Explanation, now: number) =>
  entry === undefined
    ? NOTHING_HELD
    : {
        holds: entry.value === undefined ? ("absence" as const) : ("value" as const),
        isTrusted,
        ageMillis: Math.round(now - entry.confirmedAt),
        freshMillis: Math.round(freshUntil - now),
        graceMillis: Math.round(entry.deadAt - now),
        weight: entry.weight,
      }

const remaining = (ttlMillis: number): number | null =>
  ttlMillis === Infinity ? null : Math.max(0, Math.round(ttlMillis))

export const layer = HttpApiBuilder.group(
  Api,
  "explain",
  Effect.fnUntraced(function* (handlers) {
    const l1 = yield* L1
    const store = yield* Store

    const fromStore = Effect.fnUntraced(function* (key: Key) {
      const stored = yield* Effect.mapError(store.read(key), Refusals.ofStoreRead)
      if (Option.isNone(stored)) {
        return yield* new Problems.EntryNotFound({ detail: "neither L1 nor the store has a value" })
      }
      const { bytes, ttlMillis } = stored.value
      return {
        tier: "store" as const,
        etag: Conditions.quote(EntityTag.of(bytes)),
        size: bytes.byteLength,
        storeTtlMillis: remaining(ttlMillis),
      }
    })

    return handlers.handle(
      "explainEntry",
      Effect.fnUntraced(function* ({ params: { key } }) {
        const now = l1.now()
        const state = l1.current()
        const explanation = Explanation.explain(state, key, now)
        const { entry, isAsked, reason } = explanation
        const read: "hit" | "miss" = reason === "fresh" ? "hit" : "miss"
        const known = { key, read, reason, ...heldOf(entry, explanation, now), isAsked, epoch: state.epoch }
        if (entry?.value === undefined || reason === "expired") {
          return { ...known, ...(yield* fromStore(key)) }
        }
        const { byteLength, quotedEtag } = Described.describe(entry)
        const storeTtlMillis = remaining((entry.storeExpiresAt ?? Infinity) - now)
        return { ...known, tier: "l1" as const, etag: quotedEtag, size: byteLength, storeTtlMillis }
      }),
    )
  }),
)
