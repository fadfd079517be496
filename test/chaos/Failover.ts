/**
 * A master that goes, by itself or not, and the replica in its place: what of it the history must know.
 *
 * Before the master goes, its writers are held up by nothing: at one instant the floors are noted, and a WAIT
 * says that the replica has all that was acknowledged by then. What comes after may be lost, until the master
 * is gone for good; when it is only stopped and wakes up again, once more until it has been told.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Kept } from "./Floors.ts"
import * as Keys from "./Keys.ts"
import { type Node, type Run, truth } from "./Servers.ts"
import { micros } from "./Time.ts"

export interface Shard {
  readonly master: Node
  readonly replica: Node
  /** Of those of the run. */
  readonly keys: ReadonlyArray<number>
}

/** How a kind of servers fails over. */
export interface Ways {
  /** Waits until the replica is the master and everybody who asks is told; foreign writers are. */
  readonly promoted: (shard: Shard) => Effect.Effect<void>
  /** Until the old master is the replica, with all connections of clients closed. */
  readonly demoted: (shard: Shard) => Effect.Effect<void>
  readonly settled: Effect.Effect<void>
}

/** How long a cache may go on with a master that is none any more. */
const ARRIVED_WITHIN = "5 seconds"
const WAIT_MILLIS = "1000"
const CUT_MIN_MILLIS = 20
const CUT_MAX_MILLIS = 200
/** A signal needs a moment. */
const STOPPED_WITHIN = "10 millis"

/** A key that nobody else writes, on the same server. */
const nameBeside = ([key = 0]: ReadonlyArray<number>) => Keys.nameIn(Keys.groupOf(key), "mark")

/** The floors of a moment; everything acknowledged by then is on the replica. */
export const confirmed = ({ history }: Run, { keys, master }: Shard): Effect.Effect<Kept> => {
  const mark = nameBeside(keys)
  return Effect.suspend(() => {
    const kept = history.floors.keep()
    return Effect.map(
      master.pipeline([
        ["SET", mark, `${micros()}`],
        ["WAIT", "1", WAIT_MILLIS],
      ]),
      ([, replicas]) => ({ kept, replicas }),
    )
  }).pipe(
    Effect.repeat({ until: ({ replicas }) => replicas === 1 }),
    Effect.map(({ kept }) => kept),
  )
}

/** Waits until the store of the cache reads from the new master. */
export const arrived = (
  run: Run,
  { keys, replica }: Pick<Shard, "keys" | "replica">,
): Effect.Effect<void> => {
  const [name, text] = [nameBeside(keys), `${micros()}`]
  // Written again and again: there may be a FLUSHALL.
  return Effect.andThen(replica.cli("SET", name, text), run.read(name)).pipe(
    Effect.repeat({ until: (read) => read === text, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout(ARRIVED_WITHIN),
    Effect.orDie,
    Effect.asVoid,
  )
}

/** Notes what the new master has. */
export const look = Effect.fnUntraced(function* ({ history }: Run, keys: ReadonlyArray<number>, from: Node) {
  const asked = micros()
  const held = yield* truth([from], keys.map(Keys.name))
  for (const [index, key] of keys.entries()) history.look(key, held[index]?.text, asked)
})

/** SIGKILL, with a replica that was cut off a little before: what was acknowledged meanwhile is lost. */
export const kill = Effect.fnUntraced(function* (run: Run, shard: Shard, ways: Ways) {
  const { keys, master, replica } = shard
  const kept = yield* confirmed(run, shard)
  yield* Effect.acquireUseRelease(
    replica.pause,
    () =>
      master
        .cli("CLIENT", "KILL", "TYPE", "replica")
        .pipe(
          Effect.andThen(Effect.sleep(run.random.between(CUT_MIN_MILLIS, CUT_MAX_MILLIS))),
          Effect.andThen(master.stop),
        ),
    () => replica.resume,
  )
  run.history.floors.lose(keys, kept)()
  yield* ways.promoted(shard)
  yield* look(run, keys, replica)
  yield* master.start
  yield* ways.demoted(shard)
  yield* ways.settled
})

/** SIGSTOP until the replica is the master; then the old one wakes up and does what it was last told to. */
export const freeze = Effect.fnUntraced(function* (run: Run, shard: Shard, ways: Ways) {
  const { keys, master, replica } = shard
  const { floors } = run.history
  const kept = yield* confirmed(run, shard)
  const end = yield* Effect.acquireUseRelease(
    master.pause,
    Effect.fnUntraced(function* () {
      const stopped = floors.lose(keys, kept)
      yield* Effect.sleep(STOPPED_WITHIN)
      stopped()
      yield* ways.promoted(shard)
      yield* look(run, keys, replica)
      return floors.lose(keys, floors.keep())
    }),
    () => master.resume,
  )
  yield* ways.demoted(shard)
  end()
  yield* look(run, keys, replica)
  yield* ways.settled
})
