/** A master and its replica, and three sentinels who decide which is which. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as RedisSentinelServer from "../RedisSentinelServer.ts"
import * as Failover from "./Failover.ts"
import * as Keys from "./Keys.ts"
import * as Servers from "./Servers.ts"

type Sentinels = RedisSentinelServer.RedisSentinelServer["Service"]

const DOWN_AFTER_MILLIS = 1_500
const FAILOVER_TIMEOUT_MILLIS = 2_000
const PAUSE_MAX_MILLIS = "10000"

const until = (condition: Effect.Effect<boolean>) =>
  Effect.repeat(condition, { until: (yes) => yes, schedule: Schedule.spaced("5 millis") })

/** As a sentinel does it, some ten seconds after it has named another one. */
const demote = ({ master, replica }: Failover.Shard) =>
  Effect.flatMap(
    master.pipeline([
      ["MULTI"],
      ["REPLICAOF", "127.0.0.1", `${replica.port}`],
      ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
      ["CLIENT", "KILL", "TYPE", "pubsub"],
      ["EXEC"],
    ]),
    (replies) => (Array.isArray(replies[4]) ? Effect.void : Effect.die(replies)),
  )

const offsetOf = (node: Servers.Node, field: string) =>
  Effect.map(
    node.cli("INFO", "replication"),
    (text) => new RegExp(`${field}:(\\d+)`, "u").exec(String(text))?.[1],
  )

const caughtUp = ({ master, replica }: Failover.Shard) =>
  Effect.zipWith(
    offsetOf(master, "master_repl_offset"),
    offsetOf(replica, "slave_repl_offset"),
    (one, other) => one !== undefined && one === other,
  )

const of = (sentinels: Sentinels): Servers.Servers["Service"] => {
  const routes = Servers.makeRoutes()
  const masters = Effect.map(sentinels.master, (master) => [master])
  const shard = Effect.gen(function* () {
    const [master, replica] = [yield* sentinels.master, yield* sentinels.replica]
    return { master, replica, keys: Keys.numbers }
  })
  const ways: Failover.Ways = {
    promoted: ({ replica }) =>
      Effect.andThen(
        sentinels.named(replica),
        Effect.sync(() => routes.fill(replica.port)),
      ),
    demoted: demote,
    settled: sentinels.settled,
  }

  /** As a careful administrator does it: nobody writes until the old master refuses to. Nothing is lost. */
  const failover = Effect.gen(function* () {
    const both = yield* shard
    yield* both.master.cli("CLIENT", "PAUSE", PAUSE_MAX_MILLIS, "WRITE")
    yield* until(caughtUp(both))
    yield* sentinels.failover
    yield* demote(both)
    yield* both.master.cli("CLIENT", "UNPAUSE")
    yield* ways.promoted(both)
    yield* ways.settled
  })

  /** As sentinels do it: for a while there are two masters, and what the old one acknowledges is lost. */
  const split = Effect.fnUntraced(function* (run: Servers.Run) {
    const both = yield* shard
    const kept = yield* Failover.confirmed(run, both)
    const end = run.history.floors.lose(both.keys, kept)
    yield* sentinels.failover
    yield* ways.promoted(both)
    yield* Failover.arrived(run, both)
    end()
    yield* Failover.look(run, both.keys, both.replica)
    yield* demote(both)
    yield* ways.settled
  })

  return {
    kind: "sentinel",
    url: sentinels.url,
    nodes: sentinels.nodes,
    masters,
    routes,
    faults: (run, cutting) => ({
      cuts: Servers.cuts(cutting, masters),
      blows: {
        ...Servers.pauses(run, masters),
        failover,
        "split failover": split(run),
        "kill master": Effect.flatMap(shard, (both) => Failover.kill(run, both, ways)),
        "freeze master": Effect.flatMap(shard, (both) => Failover.freeze(run, both, ways)),
      },
    }),
  }
}

const make = Effect.gen(function* () {
  const servers = of(
    yield* RedisSentinelServer.make({
      downAfterMillis: DOWN_AFTER_MILLIS,
      failoverTimeoutMillis: FAILOVER_TIMEOUT_MILLIS,
    }),
  )
  const [master] = yield* servers.masters
  servers.routes.fill(master?.port ?? 0)
  return servers
})

export const layer = Layer.effect(Servers.Servers, make)
