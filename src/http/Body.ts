/** Reading the body of a request, within its bound. */
import { isUtf8 } from "node:buffer"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { textOf } from "../cache/Content.ts"
import { InvalidRequest, UnsupportedMediaType, ValueTooLarge } from "./api/Problems.ts"
import * as JsonText from "./JsonText.ts"

type Refused = InvalidRequest | ValueTooLarge | UnsupportedMediaType

const tooLarge = (maxBytes: number) =>
  new ValueTooLarge({ maxBytes, detail: `the body must be at most ${maxBytes} bytes` })

/** Of what came, an error shows this much. Characters of more than one byte may be cut at its end. */
const MAX_RECEIVED = 100

const invalid = (detail: string) => new InvalidRequest({ parameter: "body", detail })

/** The media type without its parameters, in lower case; empty when the request names none. */
const mediaType = (request: HttpServerRequest): string =>
  (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""

const isJsonType = (type: string): boolean => type === "application/json" || type.endsWith("+json")

/** The bytes of the body: at most `maxBytes`, not compressed. */
const read = (request: HttpServerRequest, maxBytes: number): Effect.Effect<Uint8Array, Refused> => {
  const encoding = request.headers["content-encoding"]
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    return Effect.fail(
      new UnsupportedMediaType({
        detail: `Content-Encoding must be identity: received ${encoding.slice(0, 50)}`,
      }),
    )
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Effect.fail(tooLarge(maxBytes))
  return request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBytes)),
    Effect.map((buffer) => new Uint8Array(buffer)),
    Effect.mapError((error) =>
      error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"
        ? tooLarge(maxBytes)
        : invalid("the body could not be read to its end"),
    ),
  )
}

const NOT_UTF8 = "must be valid UTF-8"

const received = (bytes: Uint8Array) =>
  isUtf8(bytes) ? { received: textOf(bytes.subarray(0, MAX_RECEIVED)) } : {}

const notJson = (bytes: Uint8Array, fault: string) =>
  new InvalidRequest({
    parameter: "body",
    ...received(bytes),
    detail: `the body is taken as JSON: ${fault}`,
  })

/** A value as it is; when its `Content-Type` says JSON, it must be JSON. */
export const value = (request: HttpServerRequest, maxBytes: number): Effect.Effect<Uint8Array, Refused> =>
  Effect.filterOrFail(
    read(request, maxBytes),
    (bytes) => !isJsonType(mediaType(request)) || (isUtf8(bytes) && JsonText.isValid(textOf(bytes))),
    (bytes) => notJson(bytes, isUtf8(bytes) ? "must be valid JSON" : NOT_UTF8),
  )

/**
 * A JSON document of one of these media types. When none are named, any that is JSON will do; without
 * `Content-Type`, or as what curl calls a form, it is then taken as JSON too.
 */
export const json = (
  request: HttpServerRequest,
  maxBytes: number,
  types?: ReadonlyArray<string>,
): Effect.Effect<unknown, Refused> => {
  const type = mediaType(request)
  const isTaken =
    types?.includes(type) ?? (type === "" || type === "application/x-www-form-urlencoded" || isJsonType(type))
  if (!isTaken) {
    const accepted = (types ?? ["application/json"]).join(" or ")
    const came = type === "" ? "none" : type.slice(0, MAX_RECEIVED)
    return Effect.fail(
      new UnsupportedMediaType({ detail: `Content-Type must be ${accepted}: received ${came}` }),
    )
  }
  return Effect.flatMap(read(request, maxBytes), (bytes) =>
    isUtf8(bytes)
      ? Effect.mapError(Effect.fromResult(JsonText.parse(textOf(bytes))), (fault) => notJson(bytes, fault))
      : Effect.fail(notJson(bytes, NOT_UTF8)),
  )
}
