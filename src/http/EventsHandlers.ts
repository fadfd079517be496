/** The feed of changes, as Server-Sent Events. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { type Change, Changes } from "../cache/Changes.ts"
import { Api } from "./api/Api.ts"
import type { Event } from "./api/Events.ts"
import * as Refusals from "./Refusals.ts"

const HEARTBEAT = "15 seconds"

const heartbeat: typeof Event.Type = { event: "heartbeat", data: {} }

const eventOf = (change: Change): typeof Event.Type =>
  change._tag === "Invalidated"
    ? { event: "invalidated", data: { key: change.key } }
    : { event: "reset", data: { reason: change.reason } }

export const layer = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fnUntraced(function* (handlers) {
    const changes = yield* Changes
    return handlers.handle("subscribeEvents", ({ query }) =>
      Effect.mapBoth(changes.subscribe(query.prefix ?? ""), {
        onFailure: Refusals.tooManySubscribers,
        onSuccess: (stream) =>
          HttpApiSchema.withHeaders({
            body: Stream.merge(
              Stream.map(stream, eventOf),
              Stream.drop(
                Stream.map(Stream.tick(HEARTBEAT), () => heartbeat),
                1,
              ),
              { haltStrategy: "left" },
            ),
            headers: { "cache-control": "no-store" as const },
          }),
      }),
    )
  }),
)
