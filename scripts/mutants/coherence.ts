/**
 * One wrong change per guard between L1 and Redis, with the tests that must notice it: on a real Redis, so they
 * take longer than those of the core.
 *
 * A guard there comes with a line here. `find` occurs exactly once in the file. Scenarios 6 and 20 are guarded
 * twice over (an own write withdraws when it is sent and when it is settled; what was fetched before a loss has
 * no token and is too old to be trusted), so no one change breaks them.
 */
import type { Mutant } from "./Mutant.ts"

/** `scenario`: the number of its tests, or how the title of a test begins. */
const noticedBy =
  (tests: string) =>
  (scenario: number | string, file: string, breaks: string, find: string, replace: string): Mutant => ({
    tests: [tests],
    title: typeof scenario === "number" ? `${scenario}: ` : scenario,
    file,
    breaks,
    find,
    replace,
  })

const writers = noticedBy("test/coherence/Writers.test.ts")
const races = noticedBy("test/coherence/Races.test.ts")
const questions = noticedBy("test/coherence/Questions.test.ts")
const expiry = noticedBy("test/coherence/Expiry.test.ts")
const failures = noticedBy("test/coherence/Failures.test.ts")
const kills = noticedBy("test/coherence/Kills.test.ts")
const refusals = noticedBy("test/coherence/Refusals.test.ts")
const cluster = noticedBy("test/coherence/Cluster.test.ts")
const sentinel = noticedBy("test/coherence/Sentinel.test.ts")
const scopes = noticedBy("test/coherence/Scopes.test.ts")
const refusedTracker = noticedBy("test/store/TrackerRedis.refusals.test.ts")
const clusterTracker = noticedBy("test/store/ClusterTracker.test.ts")

const FOLLOW = "background/Follow.ts"
const STATE = "core/CacheState.ts"
const FILL = "core/Fill.ts"
const CONNECTION = "store/TrackerConnectionRedis.ts"
const SERVERS = "store/TrackerServers.ts"
const TRACKER = "store/TrackerRedis.ts"
const MESSAGE = "store/TrackerMessage.ts"

export const mutants: ReadonlyArray<Mutant> = [
  writers(1, FOLLOW, "a write is followed", `return forgetKeys(state, signal.keys)`, `return state`),
  writers(11, FOLLOW, "a flush is followed", `return CacheState.invalidateAll(state)[1]`, `return state`),
  failures(19, FOLLOW, "a loss is followed", `return CacheState.lose(state)`, `return state`),
  failures(
    19,
    FOLLOW,
    "what was held before a loss is not trusted after it",
    `return CacheState.trust(state, l1.now(), Infinity)`,
    `return CacheState.trust(state, -Infinity, Infinity)`,
  ),
  refusals(
    26,
    FOLLOW,
    "without tracking a copy is short-lived",
    `CacheState.trust(state, l1.now(), options.untrackedTtlMillis)`,
    `CacheState.trust(state, l1.now(), Infinity)`,
  ),
  scopes(
    43,
    FOLLOW,
    "at the end of the scope L1 is trusted no more",
    `yield* Effect.addFinalizer(() => Effect.sync(lose))`,
    ``,
  ),

  writers(
    10,
    CONNECTION,
    "tracking is for all keys, not for those that were read",
    `"REDIRECT", id, "BCAST", "PREFIX", prefix]`,
    `"REDIRECT", id]`,
  ),
  refusedTracker(
    "the channel",
    CONNECTION,
    "it is live when all of arming is acknowledged",
    `if (++acknowledged < 3) return`,
    `if (++acknowledged !== 1) return`,
  ),
  refusedTracker(
    "a server that refuses again",
    CONNECTION,
    "a refusal is told once",
    `if (RedisFault.isForGood(fault) && status !== "unsupported")`,
    `if (RedisFault.isForGood(fault))`,
  ),
  refusedTracker(
    "a server that refuses again",
    CONNECTION,
    "a refusal outlasts its connection",
    `if (status !== "unsupported") status = "down"`,
    `status = "down"`,
  ),
  refusedTracker(
    "a server that refuses again",
    CONNECTION,
    "a refusal outlasts the next attempt",
    `if (status !== "unsupported") status = "arming"`,
    `status = "arming"`,
  ),
  refusals(
    26,
    CONNECTION,
    "a server that refused is asked again",
    `options.spread * options.refusedPauseMillis`,
    `options.spread * 1e6`,
  ),
  refusals(
    27,
    CONNECTION,
    "a server that refused is left alone for a while",
    `options.spread * options.refusedPauseMillis`,
    `10`,
  ),

  refusals(
    24,
    TRACKER,
    "a canary that is not heard ends the session",
    `if (outcome._tag === "Overdue")`,
    `if (false)`,
  ),
  failures(23, TRACKER, "a PING finds out about silence", `Effect.sync(beats(connection))`, `Effect.void`),
  refusedTracker(
    "a sink that comes after",
    TRACKER,
    "a refusal that is over is not told",
    `            refusal = undefined\n`,
    ``,
  ),

  clusterTracker(
    "a fence waits",
    SERVERS,
    "a fence is one of all servers",
    `const current = followed().map((server) => server?.tracker?.fence ?? Effect.void)`,
    `const current = followed().slice(0, 1).map((server) => server?.tracker?.fence ?? Effect.void)`,
  ),
  clusterTracker(
    "servers that refuse",
    SERVERS,
    "a refusal of many servers is told once",
    `refusal === undefined &&\n`,
    `true &&\n`,
  ),
  clusterTracker(
    "servers that refuse",
    SERVERS,
    "a refusal ends when it is live",
    `      session = {}\n      refusal = undefined\n`,
    `      session = {}\n`,
  ),
  cluster(
    41,
    SERVERS,
    "it is live while all servers are",
    `current.every((server) => server?.live === true)`,
    `current.some((server) => server?.live === true)`,
  ),
  cluster(38, SERVERS, "a slot that moved is a flush", `else if (live && moved)`, `else if (false)`),
  cluster(40, SERVERS, "after its end it is not live", `    session = undefined\n    return`, `    return`),
  cluster(
    37,
    "store/RedisRouting.ts",
    "who is sent on for once says so",
    `redirect.kind === "ASK", left - 1)`,
    `false, left - 1)`,
  ),
  sentinel(
    42,
    "store/RedisServers.ts",
    "the sentinels are asked again",
    `  yield* Effect.forkScoped(Effect.forever(refresh))`,
    `  yield* Effect.forkScoped(refresh)`,
  ),

  writers(11, MESSAGE, "null is everything", `if (payload === null) return flushed`, ``),
  writers(
    18,
    MESSAGE,
    "names are told apart",
    `const names: ReadonlyArray<unknown> = payload`,
    `const names: ReadonlyArray<unknown> = payload.toString().split(",").map((name) => Buffer.from(name))`,
  ),
  failures(48, MESSAGE, "our prefix is no part of a key", `? text.slice(keyPrefix.length)`, `? text`),

  races(
    3,
    FILL,
    "an answer that was overtaken does not enter",
    `const standing = find(self, key, hash)\n  return standing === undefined ? self : without(self, standing)`,
    `return self`,
  ),
  races(11, FILL, "a flush withdraws all questions", `self.size === 0 ? self :`, `true ? self :`),
  races(
    5,
    STATE,
    "an answer from before an own write does not enter",
    `if (fills === self.fills) return dropped([[], self], "withdrawn")`,
    ``,
  ),
  kills(
    22,
    STATE,
    "only a standing token installs",
    `if (fills === self.fills) return dropped([[], self], "withdrawn")`,
    ``,
  ),
  questions(
    4,
    FILL,
    "a reader joins no question that was overtaken",
    `const standing = find(self, key, hash)\n  return standing === undefined ? self : without(self, standing)`,
    `return self`,
  ),
  questions(
    45,
    STATE,
    "eviction leaves questions alone",
    `{ ...swept, eviction, counts }`,
    `{ ...swept, eviction, counts, ...(evicted.length > 0 ? { fills: Fill.none } : {}) }`,
  ),
  expiry(
    13,
    "core/Lifetime.ts",
    "the store's deadline is kept",
    `askedAt + storeTtlMillis`,
    `askedAt + 2 * storeTtlMillis`,
  ),
]
