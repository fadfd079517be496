/**
 * Follows several servers as if they were one: the nodes of a cluster, replicas too, or the master of the
 * moment that sentinels name.
 *
 * A slot changes hands without a word from any server, and a promoted replica stays connected: so every
 * server that is known is followed, whatever its part, and the tracker is live only while all of them are.
 * When a slot has moved nothing that is held can be trusted, and a server that comes to be known later is
 * missed until it is followed. A write is heard of from a master and again from its replicas, which costs a
 * fetch now and then and no more.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Key } from "../core/Entry.ts"
import type { Node } from "./RedisLayout.ts"
import type { RedisServers } from "./RedisServers.ts"
import * as RedisSlot from "./RedisSlot.ts"
import type { RedisUrl } from "./RedisUrl.ts"
import { NotLive, type Signal, type Status, type Tracker } from "./Tracker.ts"
import * as TrackerSink from "./TrackerSink.ts"

export interface Options {
  readonly servers: RedisServers
  readonly keyPrefix: string
  readonly timeoutMillis: number
  /** A tracker of one server; `keyOf` finds a key that this server has. */
  readonly follow: (
    url: RedisUrl,
    keyOf: (name: Key) => Option.Option<Key>,
  ) => Effect.Effect<Tracker["Service"], never, Scope.Scope>
}

/** How long a server that nobody names any more is still followed: it may be back soon. */
const ABSENT_MILLIS = 5000
const LOOK_EVERY = "1 second"
const NANOS_PER_MILLI = 1e6
/** Among as many names there is almost surely one of each server, unless all keys are in one slot. */
const NAMES_MAX = 2000

interface Followed {
  readonly scope: Scope.Closeable
  tracker: Tracker["Service"] | undefined
  live: boolean
  /** Until when it has shown to miss nothing. Monotonic milliseconds. */
  assuredUntil: number
  /** When it was last among the servers. */
  namedAt: number
}

export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Tracker["Service"], never, Scope.Scope> {
  const { servers } = options
  const clock = yield* Clock.Clock
  const wake = Latch.makeUnsafe(true)
  const settled = Latch.makeUnsafe(false)
  const all = new Map<string, Followed>()
  const sink = TrackerSink.make(() =>
    session !== undefined ? [{ _tag: "Live" }, sign()] : refusal !== undefined ? [refusal] : [],
  )
  let session: object | undefined
  let refusal: Signal | undefined

  const now = () => clock.currentTimeMillisUnsafe()
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI
  const followed = () => servers.nodes().map(({ name }) => all.get(name))

  /** All of them together are as sure as the one that was heard of least recently. */
  const sign = (): Signal => {
    const until = Math.min(...followed().map((server) => server?.assuredUntil ?? -Infinity))
    return { _tag: "Alive", forMillis: until - monotonic() }
  }

  /** `moved`: a slot has changed hands. */
  const look = (moved: boolean, reason: string): void => {
    const current = followed()
    const live = current.length > 0 && current.every((server) => server?.live === true)
    if (live && session === undefined) {
      session = {}
      refusal = undefined
      sink.tell({ _tag: "Live" })
      sink.tell(sign())
      settled.openUnsafe()
    } else if (!live && session !== undefined) {
      session = undefined
      sink.tell({ _tag: "Lost", reason })
    } else if (live && moved) {
      sink.tell({ _tag: "Flushed" })
    }
  }

  const hear = (name: string, server: Followed, signal: Signal): void => {
    switch (signal._tag) {
      case "Live":
        server.live = true
        server.assuredUntil = Infinity
        return look(false, "")
      case "Lost":
        server.live = false
        return look(false, `${name}: ${signal.reason}`)
      case "Alive":
        server.assuredUntil = monotonic() + signal.forMillis
        if (session !== undefined) sink.tell(sign())
        return
      case "Unsupported":
        if (
          session === undefined &&
          refusal === undefined &&
          servers.nodes().some((node) => node.name === name)
        ) {
          refusal = signal
          sink.tell(signal)
        }
        settled.openUnsafe()
        return
      case "Invalidated":
      case "Flushed":
      case "RoundTrip":
        if (session !== undefined) sink.tell(signal)
    }
  }

  const attach = (node: Node, server: Followed) =>
    options.follow({ ...servers.access, host: node.host, port: node.port }, keyOf(options, node.name)).pipe(
      Effect.tap((tracker) => Effect.sync(() => (server.tracker = tracker))),
      Effect.flatMap((tracker) => tracker.follow((signal) => hear(node.name, server, signal))),
      Scope.provide(server.scope),
    )

  const attachNew = Effect.suspend(() =>
    Effect.forEach(
      servers.nodes().filter(({ name }) => !all.has(name)),
      Effect.fnUntraced(function* (node) {
        const server: Followed = {
          scope: yield* Scope.make(),
          tracker: undefined,
          live: false,
          assuredUntil: -Infinity,
          namedAt: now(),
        }
        all.set(node.name, server)
        yield* Effect.forkIn(attach(node, server), server.scope)
      }),
      { discard: true },
    ),
  )

  const detachAbsent = Effect.suspend(() => {
    for (const { name } of servers.nodes()) {
      const server = all.get(name)
      if (server !== undefined) server.namedAt = now()
    }
    const absent = [...all].filter(([, { namedAt }]) => now() - namedAt > ABSENT_MILLIS)
    for (const [name] of absent) all.delete(name)
    return Effect.forEach(absent, ([, { scope }]) => Scope.close(scope, Exit.void), { discard: true })
  })

  yield* Effect.addFinalizer(() => {
    session = undefined
    return Effect.forEach(all.values(), ({ scope }) => Scope.close(scope, Exit.void), {
      concurrency: "unbounded",
      discard: true,
    })
  })
  yield* servers.watch((moved) => {
    look(moved, "another server")
    wake.openUnsafe()
  })
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.timeoutOption(wake.await, LOOK_EVERY).pipe(
        Effect.andThen(Effect.sync(() => wake.closeUnsafe())),
        Effect.andThen(attachNew),
        Effect.andThen(detachAbsent),
      ),
    ),
  )
  if (servers.nodes().length > 0) yield* Effect.timeoutOption(settled.await, options.timeoutMillis)

  const status = (): Status => {
    if (session !== undefined) return "live"
    if (refusal !== undefined) return "unsupported"
    const current = followed().map((server) => server?.tracker?.status() ?? "down")
    return current.includes("down") || current.length === 0 ? "down" : "arming"
  }

  const fence = Effect.suspend(() => {
    const before = session
    if (before === undefined) return Effect.fail(new NotLive({ reason: status() }))
    const current = followed().map((server) => server?.tracker?.fence ?? Effect.void)
    return Effect.andThen(
      Effect.forEach(current, (one) => one, { concurrency: "unbounded", discard: true }),
      Effect.suspend(() =>
        before === session ? Effect.void : Effect.fail(new NotLive({ reason: "connection lost" })),
      ),
    )
  })

  return { status, fence, follow: sink.follow }
})

/** The first of the names built on ours that this server has; a replica has none. */
const keyOf =
  ({ keyPrefix, servers }: Options, node: string) =>
  (name: Key): Option.Option<Key> => {
    if (!servers.nodes().some((one) => one.name === node && one.slots.length > 0)) return Option.none()
    for (let number = 0; number < NAMES_MAX; number++) {
      const key = `${name}:${number}`
      if (servers.ownerOf(RedisSlot.of(keyPrefix + key))?.name === node) return Option.some(key)
    }
    return Option.none()
  }
