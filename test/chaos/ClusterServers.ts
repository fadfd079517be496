/** Three masters, each with a replica. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as RedisClusterServer from "../RedisClusterServer.ts"
import * as RedisWire from "../RedisWire.ts"
import * as Failover from "./Failover.ts"
import * as Keys from "./Keys.ts"
import * as Servers from "./Servers.ts"

type Cluster = RedisClusterServer.RedisClusterServer["Service"]

const NODE_TIMEOUT_MILLIS = 1_500
const MOVE_MAX_MILLIS = 200
const DEAFEN_EVERY = "5 millis"
const DOWN_MIN_MILLIS = 200
const DOWN_MAX_MILLIS = 2_500

const GROUPS = Array.from({ length: Keys.GROUPS }, (_, group) => group)

const isNow = (node: Servers.Node, role: "master" | "slave") =>
  Effect.map(node.cli("ROLE"), (reply) => Array.isArray(reply) && reply[0] === role).pipe(
    Effect.catchDefect(() => Effect.succeed(false)),
    Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("5 millis") }),
    Effect.asVoid,
  )

const of = (cluster: Cluster) => {
  const nodes = Effect.succeed(cluster.nodes())
  const routes = Servers.makeRoutes()
  /** As one of them knows it: whoever does not have a key says who has. */
  const route = Effect.fnUntraced(function* (node: Servers.Node) {
    const replies = yield* node.pipeline(GROUPS.map((group) => ["EXISTS", Keys.nameIn(group, "")]))
    for (const [group, reply] of replies.entries()) {
      const moved = reply instanceof RedisWire.RedisError ? /:(\d+)$/u.exec(reply.message)?.[1] : undefined
      routes[group] = Number(moved ?? node.port)
    }
  })
  const ways: Failover.Ways = {
    promoted: ({ replica }) => Effect.andThen(isNow(replica, "master"), route(replica)),
    demoted: ({ master }) => isNow(master, "slave"),
    settled: cluster.settled,
  }

  const anyShard = Effect.fnUntraced(function* ({ random }: Servers.Run) {
    const master = random.pick(yield* cluster.masters)
    const replica = yield* cluster.replicaOf(master)
    const keys = Keys.numbers.filter((key) => routes[Keys.groupOf(key)] === master.port)
    return { master, replica, keys } satisfies Failover.Shard
  })

  /** Graceful: nothing is lost. */
  const failover = Effect.fnUntraced(function* (run: Servers.Run) {
    const { replica } = yield* anyShard(run)
    yield* cluster.promote(replica)
    yield* cluster.settled
    yield* route(replica)
  })

  /** The same, to a replica that our tracker cannot follow at that moment. */
  const deafFailover = Effect.fnUntraced(function* (run: Servers.Run) {
    const { replica } = yield* anyShard(run)
    const deafening = yield* Effect.forkChild(
      Effect.forever(Effect.andThen(Servers.killTracker(replica), Effect.sleep(DEAFEN_EVERY))),
    )
    yield* cluster.promote(replica)
    yield* cluster.settled
    yield* Fiber.interrupt(deafening)
    yield* route(replica)
  })

  /** The replica takes over whether it has all or not, and the old master goes on until it hears of it. */
  const force = Effect.fnUntraced(function* (run: Servers.Run) {
    const shard = yield* anyShard(run)
    const kept = yield* Failover.confirmed(run, shard)
    const end = run.history.floors.lose(shard.keys, kept)
    yield* cluster.promote(shard.replica, "TAKEOVER")
    yield* ways.promoted(shard)
    yield* ways.demoted(shard)
    yield* Failover.arrived(run, shard)
    end()
    yield* Failover.look(run, shard.keys, shard.replica)
    yield* ways.settled
  })

  /** A slot, and where it goes. */
  const moving = Effect.fnUntraced(function* ({ random }: Servers.Run) {
    const group = Keys.FIRST_MOVING + random.below(Keys.SHARDS)
    const from = yield* cluster.ownerOf(Keys.nameIn(group, ""))
    const to = random.pick((yield* cluster.masters).filter((node) => node !== from))
    const slot = yield* cluster.slotOf(Keys.nameIn(group, ""))
    return { from, keys: Keys.numbers.filter((key) => Keys.groupOf(key) === group), slot, to }
  })

  /** With its keys, one by one, while everybody goes on. */
  const move = Effect.fnUntraced(function* (run: Servers.Run) {
    const { from, slot, to } = yield* moving(run)
    const { random } = run
    const moment = Effect.suspend(() => Effect.sleep(random.between(0, MOVE_MAX_MILLIS)))
    yield* cluster.startMove(slot, from, to)
    yield* moment
    yield* cluster.moveKeys(slot, from, to)
    yield* moment
    yield* cluster.finishMove(slot, from, to)
    yield* cluster.settled
    yield* route(to)
  })

  /** Without its keys, which are gone, and without a word from any server. */
  const take = Effect.fnUntraced(function* (run: Servers.Run) {
    const { from, keys, slot, to } = yield* moving(run)
    const removal = run.history.begin(Keys.moving)
    const end = run.history.floors.lose(keys, run.history.floors.keep())
    yield* cluster.take(slot, from, to)
    yield* cluster.settled
    yield* Failover.arrived(run, { keys, replica: to })
    end()
    run.history.resolve(removal)
    yield* Failover.look(run, keys, to)
    yield* route(to)
  })

  /** All at once: what they held is gone. */
  const restart = Effect.fnUntraced(function* ({ history, random }: Servers.Run) {
    const each = (what: "stop" | "start") =>
      Effect.forEach(cluster.nodes(), (node) => node[what], { concurrency: "unbounded", discard: true })
    const removal = history.begin(Keys.ALL)
    yield* each("stop")
    yield* Effect.sleep(random.between(DOWN_MIN_MILLIS, DOWN_MAX_MILLIS))
    yield* each("start")
    yield* cluster.settled
    history.acknowledgeForeign(removal)
    yield* Effect.forEach(yield* cluster.masters, route)
  })

  const killReplica = Effect.fnUntraced(function* (run: Servers.Run) {
    const { replica } = yield* anyShard(run)
    yield* replica.stop
    yield* Effect.sleep(run.random.between(DOWN_MIN_MILLIS, DOWN_MAX_MILLIS))
    yield* replica.start
    yield* cluster.settled
  })

  const servers: Servers.Servers["Service"] = {
    kind: "cluster",
    url: cluster.url,
    nodes: cluster.nodes(),
    masters: cluster.masters,
    routes,
    faults: (run, cutting) => ({
      cuts: Servers.cuts(cutting, nodes),
      blows: {
        ...Servers.pauses(run, nodes),
        failover: failover(run),
        "deaf failover": deafFailover(run),
        "forced failover": force(run),
        "move slot": move(run),
        "take slot": take(run),
        "restart all": restart(run),
        "kill replica": killReplica(run),
        "kill master": Effect.flatMap(anyShard(run), (shard) => Failover.kill(run, shard, ways)),
        "freeze master": Effect.flatMap(anyShard(run), (shard) => Failover.freeze(run, shard, ways)),
      },
    }),
  }
  return { route, servers }
}

const make = Effect.gen(function* () {
  const cluster = yield* RedisClusterServer.make({ nodeTimeoutMillis: NODE_TIMEOUT_MILLIS })
  const { route, servers } = of(cluster)
  yield* Effect.forEach(cluster.nodes().slice(0, 1), route)
  return servers
})

export const layer = Layer.effect(Servers.Servers, make)
