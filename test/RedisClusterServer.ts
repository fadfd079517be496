/** Real clusters for tests: three masters, each with a replica; gone with the scope. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as RedisServer from "./RedisServer.ts"
import * as RedisWire from "./RedisWire.ts"

export type Node = RedisServer.RedisServer["Service"]

export interface Options {
  /** How long a master may be silent until it counts as failed. */
  readonly nodeTimeoutMillis?: number
}

export class RedisClusterServer extends Context.Service<
  RedisClusterServer,
  {
    readonly url: string
    readonly nodes: () => ReadonlyArray<Node>
    readonly masters: Effect.Effect<ReadonlyArray<Node>>
    readonly replicaOf: (master: Node) => Effect.Effect<Node>
    readonly idOf: (node: Node) => Effect.Effect<string>
    readonly slotOf: (key: string) => Effect.Effect<number>
    readonly ownerOf: (key: string) => Effect.Effect<Node>
    /** One command about one key, sent to whoever has its slot; tried again while nobody does. */
    readonly cli: (
      command: string,
      key: string,
      ...args: ReadonlyArray<string>
    ) => Effect.Effect<RedisWire.Text>
    readonly flush: Effect.Effect<void>
    /** First half of a move: keys go one by one with MIGRATE, the slot stays. */
    readonly startMove: (slot: number, from: Node, to: Node) => Effect.Effect<void>
    readonly moveKeys: (slot: number, from: Node, to: Node) => Effect.Effect<void>
    readonly finishMove: (slot: number, from: Node, to: Node) => Effect.Effect<void>
    /** The slot without its keys, which are lost. */
    readonly take: (slot: number, from: Node, to: Node) => Effect.Effect<void>
    /**
     * Graceful: the replica takes over while its master waits. `TAKEOVER`: at once, and nobody is asked; what the
     * master acknowledges until it hears of it is lost.
     */
    readonly promote: (replica: Node, ...how: ReadonlyArray<"TAKEOVER">) => Effect.Effect<void>
    /** A master without slots; `prepare` runs before the others know of it. */
    readonly add: (
      prepare?: (node: Node) => Effect.Effect<unknown>,
    ) => Effect.Effect<Node, never, Scope.Scope>
    /** Until every node that runs sees the same, nothing fails and every replica has caught up. */
    readonly settled: Effect.Effect<void>
  }
>()("cache-mechanism/test/RedisClusterServer") {}

const SLOTS = 16_384
const ANSWER = "500 millis"

export const make = Effect.fnUntraced(function* (
  options: Options = {},
): Effect.fn.Return<RedisClusterServer["Service"], never, Scope.Scope> {
  const start = RedisServer.make(
    `--cluster-enabled yes --cluster-node-timeout ${options.nodeTimeoutMillis ?? 1000} --repl-diskless-sync-delay 0 --cluster-replica-validity-factor 0`.split(
      " ",
    ),
  )
  const nodes: Array<Node> = [
    ...(yield* Effect.forEach([0, 1, 2, 3, 4, 5], () => start, { concurrency: "unbounded" })),
  ]
  const [one, two, three] = nodes
  if (one === undefined || two === undefined || three === undefined) return yield* Effect.die("no nodes")

  const idOf = (node: Node) => Effect.map(node.cli("CLUSTER", "MYID"), String)
  const linesOf = (node: Node) =>
    Effect.map(node.cli("CLUSTER", "NODES"), (text) =>
      String(text)
        .trim()
        .split("\n")
        .map((line) => {
          const [id = "", place = "", flags = "", master = "", , , , link, ...slots] = line.split(" ")
          return {
            id,
            port: Number(/:(\d+)@/u.exec(place)?.[1]),
            flags: flags.split(","),
            master,
            link,
            slots,
          }
        }),
    )
  const reachable = Effect.map(
    Effect.forEach(
      nodes,
      (node) =>
        Effect.promise(() =>
          RedisWire.request(node.port, [["PING"]]).then(
            () => [node],
            () => [],
          ),
        ).pipe(
          // One that is stopped is there and does not answer.
          Effect.timeoutOrElse({ duration: ANSWER, orElse: () => Effect.succeed([]) }),
        ),
      { concurrency: "unbounded" },
    ),
    (found) => found.flat(),
  )
  const first = Effect.flatMap(
    Effect.suspend(() => reachable),
    ([node]) => (node === undefined ? Effect.die("no node is there") : Effect.succeed(node)),
  )
  const at = (port: number) => {
    const node = nodes.find((other) => other.port === port)
    return node === undefined ? Effect.die(`no node at ${port}`) : Effect.succeed(node)
  }

  const isSettled = Effect.gen(function* () {
    const there = yield* Effect.suspend(() => reachable)
    const views = yield* Effect.forEach(there, linesOf)
    const states = yield* Effect.forEach(there, (node) => node.cli("CLUSTER", "INFO"))
    const links = yield* Effect.forEach(there, (node) => node.cli("INFO", "replication"))
    const owners = views.map((lines) =>
      lines
        .flatMap(({ id, slots }) => slots.map((slot) => `${slot} ${id}`))
        .toSorted()
        .join(),
    )
    return (
      views.every((lines) => lines.filter(({ flags }) => !flags.includes("fail")).length === there.length) &&
      views.every((lines) =>
        lines.every(({ flags }) => !flags.includes("fail?") && !flags.includes("handshake")),
      ) &&
      new Set(owners).size === 1 &&
      states.every((state) => String(state).includes("cluster_state:ok")) &&
      links.every((link) => !/master_link_status:down/u.test(String(link)))
    )
  })
  const settled = isSettled.pipe(
    Effect.catchDefect(() => Effect.succeed(false)),
    Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("20 seconds"),
    Effect.orDie,
    Effect.asVoid,
  )

  const meet = (node: Node) => one.cli("CLUSTER", "MEET", "127.0.0.1", `${node.port}`)
  const knowAll = Effect.forEach(nodes, linesOf).pipe(
    Effect.repeat({
      until: (views) =>
        views.every(
          (lines) => lines.filter(({ flags }) => !flags.includes("handshake")).length === nodes.length,
        ),
      schedule: Schedule.spaced("10 millis"),
    }),
  )

  for (const [index, node] of [one, two, three].entries()) {
    yield* node.cli("CLUSTER", "SET-CONFIG-EPOCH", `${index + 1}`)
    const from = Math.ceil((index * SLOTS) / 3)
    yield* node.cli("CLUSTER", "ADDSLOTSRANGE", `${from}`, `${Math.ceil(((index + 1) * SLOTS) / 3) - 1}`)
  }
  yield* Effect.forEach(nodes.slice(1), meet)
  yield* knowAll
  for (const [index, node] of nodes.slice(3).entries()) {
    yield* node.cli("CLUSTER", "REPLICATE", yield* idOf(nodes[index] ?? one))
  }
  yield* settled

  const masters = Effect.gen(function* () {
    const lines = yield* linesOf(yield* first)
    const owning = lines.filter(({ slots, flags }) => flags.includes("master") && slots.length > 0)
    return yield* Effect.forEach(owning, ({ port }) => at(port))
  })

  const cli = (command: string, key: string, ...args: ReadonlyArray<string>) => {
    const attempt = (port: number, asking: boolean): Effect.Effect<RedisWire.Text, string> =>
      Effect.flatMap(
        Effect.tryPromise({
          try: () => RedisWire.request(port, [asking ? ["ASKING"] : ["PING"], [command, key, ...args]]),
          catch: () => "gone",
        }),
        ([, reply = null]) => {
          if (!(reply instanceof RedisWire.RedisError)) return Effect.succeed(RedisWire.textOf(reply))
          const [, kind, to] = /^(MOVED|ASK) \d+ .*:(\d+)$/u.exec(reply.message) ?? []
          return to === undefined ? Effect.fail(reply.message) : attempt(Number(to), kind === "ASK")
        },
      )
    return Effect.flatMap(first, ({ port }) => attempt(port, false)).pipe(
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.timeout("15 seconds"),
      Effect.orDie,
    )
  }
  const slotOf = (key: string) =>
    Effect.map(
      Effect.flatMap(first, (node) => node.cli("CLUSTER", "KEYSLOT", key)),
      Number,
    )
  const setSlot = (slot: number, node: Node, ...args: ReadonlyArray<string>) =>
    node.cli("CLUSTER", "SETSLOT", `${slot}`, ...args)

  const startMove = Effect.fnUntraced(function* (slot: number, from: Node, to: Node) {
    yield* setSlot(slot, to, "IMPORTING", yield* idOf(from))
    yield* setSlot(slot, from, "MIGRATING", yield* idOf(to))
  })
  const moveKeys = Effect.fnUntraced(function* (slot: number, from: Node, to: Node) {
    const keys = yield* from.cli("CLUSTER", "GETKEYSINSLOT", `${slot}`, "1000")
    for (const key of Array.isArray(keys) ? keys : []) {
      yield* from.cli("MIGRATE", "127.0.0.1", `${to.port}`, String(key), "0", "5000")
    }
  })
  const finishMove = Effect.fnUntraced(function* (slot: number, from: Node, to: Node) {
    const id = yield* idOf(to)
    yield* setSlot(slot, to, "NODE", id)
    yield* setSlot(slot, from, "NODE", id)
  })

  return {
    url: `redis-cluster://${[one, two, three].map(({ port }) => `127.0.0.1:${port}`).join()}`,
    nodes: () => nodes,
    masters,
    replicaOf: Effect.fnUntraced(function* (master) {
      const id = yield* idOf(master)
      const replicas = Effect.map(Effect.flatMap(first, linesOf), (lines) =>
        lines.filter((line) => line.master === id && !line.flags.includes("fail")),
      )
      const [found] = yield* Effect.repeat(replicas, {
        until: (some) => some.length > 0,
        schedule: Schedule.spaced("10 millis"),
      })
      return yield* at(found?.port ?? 0)
    }),
    idOf,
    slotOf,
    ownerOf: Effect.fnUntraced(function* (key) {
      const slot = yield* slotOf(key)
      const owner = (yield* linesOf(yield* first)).find(({ slots }) =>
        slots.some((range) => {
          const [from = 0, to = from] = range.split("-").map(Number)
          return from <= slot && slot <= to
        }),
      )
      return yield* at(owner?.port ?? 0)
    }),
    cli,
    flush: Effect.flatMap(masters, (all) =>
      Effect.forEach(all, (node) => node.cli("FLUSHALL"), { discard: true }),
    ),
    startMove,
    moveKeys,
    finishMove,
    take: Effect.fnUntraced(function* (slot, from, to) {
      yield* setSlot(slot, to, "IMPORTING", yield* idOf(from))
      yield* setSlot(slot, to, "NODE", yield* idOf(to))
    }),
    promote: Effect.fnUntraced(function* (replica, ...how) {
      // Masters do not vote twice in a short time: it is asked again.
      yield* replica
        .cli("CLUSTER", "FAILOVER", ...how)
        .pipe(
          Effect.andThen(
            Effect.map(replica.cli("ROLE"), (role) => Array.isArray(role) && role[0] === "master").pipe(
              Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("5 millis") }),
            ),
          ),
          Effect.timeout("500 millis"),
          Effect.retry(Schedule.recurs(20)),
          Effect.orDie,
        )
    }),
    add: Effect.fnUntraced(function* (prepare = () => Effect.void) {
      const node = yield* start
      yield* prepare(node)
      nodes.push(node)
      yield* meet(node)
      yield* Effect.addFinalizer(() => Effect.sync(() => nodes.splice(nodes.indexOf(node), 1)))
      return node
    }),
    settled,
  }
})

export const layer: Layer.Layer<RedisClusterServer> = Layer.effect(RedisClusterServer, make())
