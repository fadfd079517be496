/** Reading the body of a request, within its bound. */
import { isUtf8 } from "node:buffer"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { textOf } from "../cache/Content.ts"
import { InvalidRequest, UnsupportedMediaType, ValueTooLarge } from "./api/Problems.ts"
import * as JsonText from "./JsonText.ts"

type Refused = InvalidRequest | ValueTooLarge | UnsupportedMediaType

const tooLarge = (maxBytes: number) =>
  new ValueTooLarge({ maxBytes, detail: `the body must be at most ${maxBytes} bytes` })

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

const parsed = (bytes: Uint8Array): Result.Result<unknown, InvalidRequest> =>
  isUtf8(bytes)
    ? Result.mapError(JsonText.parse(textOf(bytes)), (fault) =>
        invalid(`the body is declared as JSON: ${fault}`),
      )
    : Result.fail(invalid("the body is declared as JSON: must be valid UTF-8"))

/** A value as it is; when its `Content-Type` says JSON, it must be JSON. */
export const value = (request: HttpServerRequest, maxBytes: number): Effect.Effect<Uint8Array, Refused> =>
  Effect.tap(read(request, maxBytes), (bytes) =>
    isJsonType(mediaType(request)) ? Effect.fromResult(parsed(bytes)) : Effect.void,
  )

/** A JSON document; without `Content-Type`, or as what curl calls a form, it is taken as JSON too. */
export const json = (request: HttpServerRequest, maxBytes: number): Effect.Effect<unknown, Refused> => {
  const type = mediaType(request)
  if (type !== "" && type !== "application/x-www-form-urlencoded" && !isJsonType(type)) {
    return Effect.fail(
      new UnsupportedMediaType({ detail: `Content-Type must be application/json: received ${type}` }),
    )
  }
  return Effect.flatMap(read(request, maxBytes), (bytes) => Effect.fromResult(parsed(bytes)))
}
