/** What changed, as it changes: so that a browser or another cache can keep copies too. */
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "./Access.ts"
import * as Problems from "./Problems.ts"

const event = <Name extends string, Fields extends Schema.Struct.Fields>(name: Name, fields: Fields) =>
  Schema.Struct({
    id: Schema.optional(Schema.String),
    event: Schema.Literal(name),
    data: Schema.fromJsonString(Schema.Struct(fields)),
  })

/** One server-sent event. */
export const Event = Schema.Union([
  event("invalidated", { key: Schema.String }),
  event("reset", { reason: Schema.String }),
  event("heartbeat", {}),
])

const subscribe = HttpApiEndpoint.get("subscribeEvents", "/events", {
  query: {
    prefix: Schema.optionalKey(Schema.String.annotate({ description: "keys that begin with this" })),
  },
  success: HttpApiSchema.WithHeaders(HttpApiSchema.StreamSse({ events: Event }), {
    "cache-control": Schema.Literal("no-store"),
  }),
  error: [Problems.InvalidRequest, Problems.TooManySubscribersResponse],
})
  .annotateMerge(
    OpenApi.annotations({
      identifier: "subscribeEvents",
      summary: "Hear of every write, as Server-Sent Events",
      description:
        "`invalidated`: the key was written, removed or has expired, perhaps more than once; forget the copy. `reset`: anything may have changed; forget all copies. A stream begins with one. A subscriber that does not keep up is cut off with one. `heartbeat`: nothing, every 15 seconds.",
    }),
  )
  .annotateMerge(Access.needs({ keys: "prefix", streams: true }))

export const EventsGroup = HttpApiGroup.make("events")
  .add(subscribe)
  .annotateMerge(OpenApi.annotations({ title: "events", description: "The feed of changes." }))
