/**
 * The requests that are under way: no more than may be, and none for longer than it may.
 *
 * They are kept in the order in which they came, so the oldest is the first, and one fiber looks at that now and
 * then: a timer for each request would cost more than most requests. Time counts from the head of the request to the
 * last byte of the reply, so a client that sends its body or reads the reply a byte at a time is cut off too.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Fiber from "effect/Fiber"
import * as Problems from "./api/Problems.ts"

export interface Request {
  readonly source: IncomingMessage
  readonly response: ServerResponse
  /** What works on it; absent when only the client's reading is waited for. */
  readonly fiber?: Fiber.Fiber<unknown, unknown>
}

export interface InFlight {
  readonly isFull: () => boolean
  readonly max: number
  readonly add: (request: Request, nowMillis: number) => void
  readonly remove: (response: ServerResponse) => void
  /** Ends what has taken too long. */
  readonly expire: (nowMillis: number) => void
}

const REFUSED_LATE = JSON.stringify({
  type: "/docs/problems/request-timeout",
  status: 503,
  title: "The request took longer than it may",
  detail: "what it was to do may have happened, may happen yet, or never",
})

/** Answers a request that has taken too long, and ends its connection: the rest of its body may never come. */
const refuse = (response: ServerResponse): void => {
  response.writeHead(503, {
    "content-type": "application/problem+json",
    "content-length": String(REFUSED_LATE.length),
    "retry-after": Problems.RETRY_AFTER,
    connection: "close",
  })
  response.end(REFUSED_LATE)
}

const end = ({ fiber, response, source }: Request): void => {
  if (response.headersSent) source.socket.destroy()
  else refuse(response)
  fiber?.interruptUnsafe()
}

export const make = (max: number, timeoutMillis: number): InFlight => {
  const requests = new Map<ServerResponse, Request & { readonly since: number }>()
  return {
    max,
    isFull: () => requests.size >= max,
    add: (request, nowMillis) => {
      requests.set(request.response, { ...request, since: nowMillis })
    },
    remove: (response) => {
      requests.delete(response)
    },
    expire: (nowMillis) => {
      for (const request of requests.values()) {
        if (nowMillis - request.since < timeoutMillis) return
        end(request)
      }
    },
  }
}
