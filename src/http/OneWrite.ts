/**
 * A response whose head and text leave in one write.
 *
 * The platform turns on Node's check of `Content-Length`, and under that check Node sends head and body apart.
 * When one string is the whole body and its length is what the head declares, the check has nothing left to
 * find, so it is turned off for that response only. A wrong length still cannot leave the process.
 */
import { type IncomingMessage, ServerResponse } from "node:http"

const lengthOf = (chunk: unknown): number =>
  typeof chunk === "string" ? Buffer.byteLength(chunk) : chunk instanceof Uint8Array ? chunk.byteLength : 0

export class OneWrite<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  #declared: unknown
  #streamed = false
  #sent = 0

  /** Bytes of the body so far. */
  get sent(): number {
    return this.#sent
  }

  // Arguments are handed on as they come: Node's overloads cannot be spelled in one signature.
  override writeHead(...args: Array<unknown>): this {
    const headers = args.at(-1)
    this.#declared =
      typeof headers === "object" && headers !== null && "content-length" in headers
        ? headers["content-length"]
        : undefined
    return Reflect.apply(super.writeHead, this, args)
  }

  override write(...args: Array<unknown>): boolean {
    this.#streamed = true
    this.#sent += lengthOf(args[0])
    return Reflect.apply(super.write, this, args)
  }

  override end(...args: Array<unknown>): this {
    const [body] = args
    const length = lengthOf(body)
    this.#sent += length
    if (
      this.strictContentLength &&
      !this.#streamed &&
      typeof body === "string" &&
      this.#declared === String(length)
    ) {
      this.strictContentLength = false
    }
    return Reflect.apply(super.end, this, args)
  }
}
