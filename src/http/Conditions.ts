/** The condition headers of RFC 9110 section 13.1, read into what the store decides. */
import * as Result from "effect/Result"
import type { Condition, Selector } from "../core/Condition.ts"
import { InvalidRequest, PreconditionRequired } from "./api/Problems.ts"

/** `W/` marks a weak tag; a tag holds anything visible but a quote (RFC 9110 section 8.8.3). */
const ONE_TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`
const TAG_LIST = new RegExp(String.raw`^[\t ,]*${ONE_TAG}(?:[\t ]*,[\t ,]*${ONE_TAG})*[\t ,]*$`)
const EACH_TAG = /(W\/)?"([^"]*)"/g

const parse = (
  name: "If-Match" | "If-None-Match",
  header: string,
): Result.Result<Selector, InvalidRequest> => {
  if (header.trim() === "*") return Result.succeed("any")
  if (!TAG_LIST.test(header)) {
    return Result.fail(
      new InvalidRequest({
        parameter: name,
        received: header.slice(0, 100),
        detail: `${name} must be * or a list of entity tags in double quotes`,
      }),
    )
  }
  const tags: Array<string> = []
  for (const [, weak, tag] of header.matchAll(EACH_TAG)) {
    // If-Match compares strongly, and a weak tag is never strongly equal; If-None-Match compares weakly.
    if (tag !== undefined && (weak === undefined || name === "If-None-Match")) tags.push(tag)
  }
  return Result.succeed(tags)
}

export interface Headers {
  readonly "if-match"?: string
  readonly "if-none-match"?: string
}

/** The condition of a read or a write. */
export const ofHeaders = (headers: Headers): Result.Result<Condition, InvalidRequest> =>
  Result.gen(function* () {
    const match = headers["if-match"]
    const noneMatch = headers["if-none-match"]
    return {
      ...(match === undefined ? {} : { ifMatch: yield* parse("If-Match", match) }),
      ...(noneMatch === undefined ? {} : { ifNoneMatch: yield* parse("If-None-Match", noneMatch) }),
    }
  })

/** The condition of a change; one that names none is refused when the operator wants them. */
export const ofChange = (
  headers: Headers,
  required: boolean,
): Result.Result<Condition, InvalidRequest | PreconditionRequired> =>
  required && headers["if-match"] === undefined && headers["if-none-match"] === undefined
    ? Result.fail(
        new PreconditionRequired({
          detail: "send If-Match with the entity tag that was read, or If-None-Match: * to create",
        }),
      )
    : ofHeaders(headers)

/** A tag as `ETag` shows it. */
export const quote = (etag: string): string => `"${etag}"`
