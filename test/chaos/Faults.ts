/** What breaks, and when: dealt from a seeded deck, so that in a short run too each thing happens. */
import * as Effect from "effect/Effect"
import type { RedisServer } from "../RedisServer.ts"
import * as RedisWire from "../RedisWire.ts"
import type { History } from "./History.ts"
import * as Keys from "./Keys.ts"
import type { Seeded } from "./Seeded.ts"

export type Fault =
  | "kill tracker"
  | "kill data"
  | "kill both"
  /** SIGSTOP, shorter than any deadline. */
  | "pause"
  /** Longer than all of them. */
  | "long pause"
  /** SIGKILL, and an empty server on the same port. */
  | "restart"

export const ALL: ReadonlyArray<Fault> = [
  "kill tracker",
  "kill data",
  "kill both",
  "pause",
  "long pause",
  "restart",
]

export interface Options {
  readonly server: RedisServer["Service"]
  readonly history: History
  readonly faults: ReadonlyArray<Fault>
  readonly random: Seeded
  /** Of the cache under test. */
  readonly timeoutMillis: number
}

const GAP_MIN_MILLIS = 200
const GAP_MAX_MILLIS = 700
const DOWN_MIN_MILLIS = 20
const DOWN_MAX_MILLIS = 300

/** The connections of ours by the name that they give themselves. */
const TRACKER = "name=cache-mechanism-tracker "
const DATA = "name=cache-mechanism "

export const make = (options: Options) => {
  const { faults, history, random, server, timeoutMillis } = options
  const counts: Partial<Record<Fault, number>> = {}
  let deck: Array<Fault> = []

  const kill = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
    const list = yield* server.cli("CLIENT", "LIST")
    const ids = String(list)
      .split("\n")
      .filter((line) => names.some((name) => line.includes(name)))
      .map((line) => /^id=(\d+)/.exec(line)?.[1] ?? "")
    // One that is gone meanwhile is an error among the replies.
    if (ids.length > 0) yield* server.pipeline(ids.map((id) => ["CLIENT", "KILL", "ID", id]))
  })

  const pause = (millis: number) =>
    Effect.acquireUseRelease(
      server.pause,
      () => Effect.sleep(millis),
      () => server.resume,
    )

  const restart = Effect.gen(function* () {
    const removal = history.begin(Keys.ALL)
    yield* server.stop
    yield* Effect.sleep(random.between(DOWN_MIN_MILLIS, DOWN_MAX_MILLIS))
    yield* server.start
    history.acknowledgeForeign(removal)
  })

  const inflict = (fault: Fault): Effect.Effect<void> => {
    switch (fault) {
      case "kill tracker":
        return kill(TRACKER)
      case "kill data":
        return kill(DATA)
      case "kill both":
        return kill(TRACKER, DATA)
      case "pause":
        return pause(random.between(1, timeoutMillis / 2))
      case "long pause":
        return pause(timeoutMillis * random.between(1.5, 2.5))
      case "restart":
        return restart
    }
  }

  /** Breaks one thing after the other until it is over, and leaves a server that runs. */
  const run = Effect.fnUntraced(function* (isOver: () => boolean) {
    while (!isOver() && faults.length > 0) {
      yield* Effect.sleep(random.between(GAP_MIN_MILLIS, GAP_MAX_MILLIS))
      if (deck.length === 0) deck = random.shuffled(faults)
      const fault = isOver() ? undefined : deck.pop()
      if (fault === undefined) continue
      yield* inflict(fault)
      counts[fault] = (counts[fault] ?? 0) + 1
    }
  })

  /** `counts`: how often each happened. */
  return { run, counts }
}

/** A PING on a connection of its own. Fails when nobody answers. */
export const ping = (port: number) => Effect.tryPromise(() => RedisWire.request(port, [["PING"]]))
