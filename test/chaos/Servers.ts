/** The Redis under a run, whatever it consists of: what can break there, and what it holds. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { RedisServer } from "../RedisServer.ts"
import * as RedisWire from "../RedisWire.ts"
import type { History } from "./History.ts"
import * as Keys from "./Keys.ts"
import type { Seeded } from "./Seeded.ts"

export type Node = RedisServer["Service"]

export type Kind = "single" | "sentinel" | "cluster"

export class Servers extends Context.Service<
  Servers,
  {
    readonly kind: Kind
    readonly url: string
    readonly nodes: ReadonlyArray<Node>
    /** While nothing breaks. */
    readonly masters: Effect.Effect<ReadonlyArray<Node>>
    /** The port of the master of each group of keys; shared with the foreign writers. */
    readonly routes: Routes
    /** `cutting`: random numbers of its own for what happens at the same time as other things. */
    readonly faults: (run: Run, cutting: Seeded) => Faults
  }
>()("cache-mechanism/test/chaos/Servers") {}

export type Routes = Int32Array<SharedArrayBuffer>

/** By name, what can break. */
export interface Faults {
  /** Connections, at any time, also while something else breaks. */
  readonly cuts: Breaking
  /** Servers, one thing after the other. Each leaves all of them as good as they were. */
  readonly blows: Breaking
}

export type Breaking = Readonly<Record<string, Effect.Effect<void>>>

/** What a fault must know of the run that it disturbs. */
export interface Run {
  readonly history: History
  readonly random: Seeded
  /** Of the cache under test. */
  readonly timeoutMillis: number
  /** What the store of the cache under test says, past L1; undefined: nothing, or no answer. */
  readonly read: (name: string) => Effect.Effect<string | undefined>
}

export const makeRoutes = (): Routes =>
  new Int32Array(new SharedArrayBuffer(Keys.GROUPS * Int32Array.BYTES_PER_ELEMENT))

/** The connections of ours by the name that they give themselves. */
const TRACKER = "name=cache-mechanism-tracker "
const DATA = "name=cache-mechanism "

/** How often all servers are cut off, not one. */
const ALL_PART = 0.3
/** How long to wait for a server that may be stopped. */
const CUT_WITHIN = "300 millis"

export const killTracker = (node: Node) => killClients(node, [TRACKER])

const killClients = (node: Node, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const list = yield* node.cli("CLIENT", "LIST")
    const ids = String(list)
      .split("\n")
      .filter((line) => names.some((name) => line.includes(name)))
      .map((line) => /^id=(\d+)/u.exec(line)?.[1] ?? "")
    // One that is gone meanwhile is an error among the replies.
    if (ids.length > 0) yield* node.pipeline(ids.map((id) => ["CLIENT", "KILL", "ID", id]))
  }).pipe(
    // A server that does not run has no connections.
    Effect.catchDefect(() => Effect.void),
    Effect.timeoutOption(CUT_WITHIN),
  )

const pause = (node: Node, millis: number) =>
  Effect.acquireUseRelease(
    node.pause,
    () => Effect.sleep(millis),
    () => node.resume,
  )

/** `nodes`: those to which the cache is connected. */
export const cuts = (random: Seeded, nodes: Effect.Effect<ReadonlyArray<Node>>): Breaking => {
  const kill = (...names: ReadonlyArray<string>) =>
    Effect.flatMap(nodes, (all) =>
      Effect.forEach(random.chance(ALL_PART) ? all : [random.pick(all)], (node) => killClients(node, names), {
        concurrency: "unbounded",
        discard: true,
      }),
    )
  return { "kill tracker": kill(TRACKER), "kill data": kill(DATA), "kill both": kill(TRACKER, DATA) }
}

export const pauses = (
  { random, timeoutMillis }: Run,
  nodes: Effect.Effect<ReadonlyArray<Node>>,
): Breaking => {
  const stop = (min: number, max: number) =>
    Effect.flatMap(nodes, (all) => pause(random.pick(all), random.between(min, max)))
  return {
    /** SIGSTOP, shorter than any deadline. */
    pause: stop(1, timeoutMillis / 2),
    /** Longer than all of the cache's, and too short for a failover. */
    "long pause": stop(timeoutMillis * 1.5, timeoutMillis * 2),
  }
}

/** A PING on a connection of its own to each. One that does not run has nothing left to do. */
export const ping = (nodes: ReadonlyArray<Node>) =>
  Effect.forEach(
    nodes,
    ({ port }) =>
      Effect.tryPromise({ try: () => RedisWire.request(port, [["PING"]]), catch: String }).pipe(
        Effect.catchIf(
          (error) => error.includes("ECONNREFUSED"),
          () => Effect.void,
        ),
      ),
    { concurrency: "unbounded", discard: true },
  )

export interface Held {
  readonly text: string | undefined
  /** What is left of its life; below 0: it has no end. */
  readonly ttlMillis: number
}

/** What the masters hold under these names. */
export const truth = Effect.fnUntraced(function* (
  masters: ReadonlyArray<Pick<Node, "pipeline">>,
  names: ReadonlyArray<string>,
) {
  const commands = names.flatMap((name) => [
    ["GET", name],
    ["PTTL", name],
  ])
  const replies = yield* Effect.forEach(masters, (master) => master.pipeline(commands))
  return names.map((name, index): Held => {
    for (const reply of replies) {
      const [text, ttlMillis] = [reply[2 * index], reply[2 * index + 1]]
      // Any other master than that of the key says that it is elsewhere.
      if (text instanceof RedisWire.RedisError || typeof ttlMillis !== "number") continue
      return { text: text === null ? undefined : String(text), ttlMillis }
    }
    throw new Error(`no master has ${name}`)
  })
})
