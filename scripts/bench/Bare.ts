/**
 * What Node's own HTTP server needs for the same replies: the least that a service in front of a map, or of
 * Redis, can cost. Every reply has the headers of ours, with age and ttl computed per request; what a header
 * is made of is never checked, there are no conditions but `If-None-Match`, no bounds, no errors.
 *
 * `STORE=map`: texts and tags in a `Map`, made when they are written. `STORE=<port>`: every GET is a GET and
 * every PUT a SET in Redis, through ioredis with auto-pipelining; the tag is computed per request.
 */
import { hash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Redis } from "ioredis"

interface Entry {
  readonly text: string
  readonly etag: string
  readonly confirmedAt: number
  readonly freshUntil: number
}

const TTL_MILLIS = 3_600_000
const MILLIS_PER_SECOND = 1000

const make = (text: string): Entry => {
  const confirmedAt = performance.now()
  return {
    text,
    etag: `"${hash("sha1", text, "hex")}"`,
    confirmedAt,
    freshUntil: confirmedAt + TTL_MILLIS,
  }
}

const reply = (request: IncomingMessage, response: ServerResponse, entry: Entry): void => {
  const now = performance.now()
  const isKnown = request.headers["if-none-match"] === entry.etag
  const headers: Record<string, string> = {
    etag: entry.etag,
    age: String(Math.floor((now - entry.confirmedAt) / MILLIS_PER_SECOND)),
    "cache-control": "private, no-cache",
    "cache-status": `bare; hit; ttl=${Math.floor((entry.freshUntil - now) / MILLIS_PER_SECOND)}`,
    "x-content-type-options": "nosniff",
  }
  if (isKnown) {
    response.writeHead(304, headers).end()
    return
  }
  headers["content-type"] = "application/json"
  headers["content-length"] = String(Buffer.byteLength(entry.text))
  response.writeHead(200, headers).end(entry.text)
}

interface Store {
  readonly get: (key: string, done: (entry: Entry) => void) => void
  readonly set: (key: string, entry: Entry, done: () => void) => void
}

const inMap = (): Store => {
  const entries = new Map<string, Entry>()
  return {
    get: (key, done) => {
      const entry = entries.get(key)
      if (entry !== undefined) done(entry)
    },
    set: (key, entry, done) => {
      entries.set(key, entry)
      done()
    },
  }
}

const inRedis = (port: number): Store => {
  const redis = new Redis({ port, enableAutoPipelining: true })
  return {
    get: (key, done) =>
      void redis.get(key, (_, text) => {
        if (typeof text === "string") done(make(text))
      }),
    set: (key, entry, done) => void redis.set(key, entry.text, done),
  }
}

const PATH = "/entries/"

const { PORT, STORE } = process.env
const store = STORE === "map" ? inMap() : inRedis(Number(STORE))

const write = (key: string, request: IncomingMessage, response: ServerResponse): void => {
  let text = ""
  request.setEncoding("utf8")
  request.on("data", (part: string) => (text += part))
  request.on("end", () => {
    const entry = make(text)
    store.set(key, entry, () => response.writeHead(204, { etag: entry.etag }).end())
  })
}

createServer((request, response) => {
  const url = request.url ?? ""
  if (!url.startsWith(PATH)) response.end("ready")
  else if (request.method === "PUT") write(url.slice(PATH.length), request, response)
  else store.get(url.slice(PATH.length), (entry) => reply(request, response, entry))
}).listen(Number(PORT), "127.0.0.1")
