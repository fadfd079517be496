/**
 * The whole library over real Redis servers, with many readers, writers of our own, foreign writers in another
 * thread, and things that break; and a checker that holds every read against the history (`History.ts`).
 *
 * It has acts of a few seconds. After each the writers stop and the readers go on, so that L1 is full when it
 * is compared with Redis. It ends when the time is over and everything that can break has.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Backup from "../../src/background/Backup.ts"
import * as Cache from "../../src/cache/Cache.ts"
import { Store } from "../../src/store/Store.ts"
import * as Act from "./Act.ts"
import * as Actors from "./Actors.ts"
import * as Faults from "./Faults.ts"
import { type ForeignBatch, UNKNOWN } from "./ForeignLog.ts"
import { Heard, spreadOf } from "./Heard.ts"
import { History } from "./History.ts"
import * as Keys from "./Keys.ts"
import * as Leaks from "./Leaks.ts"
import * as Rest from "./Rest.ts"
import * as Seeded from "./Seeded.ts"
import * as Servers from "./Servers.ts"
import * as Stack from "./Stack.ts"
import * as SwapDb from "./SwapDb.ts"
import { type Kind, Violations } from "./Violations.ts"

export interface Options {
  /** How long writers write, in all; longer, if not everything has broken by then. */
  readonly seconds: number
  /** It ends earlier, with an act after which the checker has found enough. */
  readonly isEnough?: (found: ReadonlyArray<Kind>) => boolean
  readonly seed: number
  /** What breaks, by name. Default all that can. */
  readonly faults?: ReadonlyArray<string>
  /** The checker must see it. */
  readonly without?: Stack.Guard
  /** Called after each act. */
  readonly onProgress?: (line: string) => void
}

const ACT_SECONDS = 2
/** What is stale for good is what raced with the last write before it was quiet: that has to happen often. */
const UNGUARDED_ACT_SECONDS = 0.5
const READERS = 24
const WRITERS = 4
const BLOWS_GAP_MILLIS = 700
/** Often enough, and not so often that L1 is never trusted while something else breaks. */
const CUTS_GAP_MILLIS = 1_000
const HEAP_GROWTH_MAX = 1.5
const HEAP_GROWTH_MAX_MIB = 48
const MILLIS_PER_SECOND = 1_000

/** Independent random numbers for each who needs some. */
const STREAMS = { blows: 1, delays: 2, blowsDeck: 3, cuts: 4, cutsDeck: 5, readers: 10, writers: 50 }

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const breakersOf = Effect.fnUntraced(function* (
  { faults: only }: Options,
  history: History,
  random: (stream: number) => Seeded.Seeded,
) {
  const servers = yield* Servers.Servers
  const store = yield* Store
  const read = (name: string) =>
    Effect.map(Effect.option(store.read(name)), (found) =>
      Option.getOrUndefined(Option.map(Option.flatten(found), ({ bytes }) => decode(bytes))),
    )
  const run = { history, random: random(STREAMS.blows), timeoutMillis: Stack.TIMEOUT_MILLIS, read }
  const { blows, cuts } = servers.faults(run, random(STREAMS.cuts))
  return [
    Faults.make({ faults: blows, only, random: random(STREAMS.blowsDeck), gapMillis: BLOWS_GAP_MILLIS }),
    Faults.make({ faults: cuts, only, random: random(STREAMS.cutsDeck), gapMillis: CUTS_GAP_MILLIS }),
  ]
})

/** Act after act, with all the readers. */
const play = Effect.fnUntraced(function* (options: Options, violations: Violations, heard: Heard) {
  const { isEnough, onProgress, seconds, seed, without } = options
  const servers = yield* Servers.Servers
  const history = new History(violations)
  const tally = Actors.tally()
  const foreign = { writes: 0, flushes: 0, unknown: 0 }
  const rest = { acts: 0, entries: 0, trusted: 0, stale: 0 }
  const heaps: Array<number> = []
  const random = (stream: number) => Seeded.make(seed, stream)
  const breakers = yield* breakersOf(options, history, random)
  const writers = Array.from({ length: WRITERS }, (_, index) => random(STREAMS.writers + index))
  let over = false
  const scene: Actors.Scene = { history, tally, isOver: () => over }

  const tell = (batch: ForeignBatch): void => {
    history.tell(batch)
    for (const write of batch.writes) {
      foreign.writes++
      if (write.key < 0) foreign.flushes++
      if (write.end === UNKNOWN) foreign.unknown++
      if (Keys.isProbe(write.key)) heard.wrote(Keys.name(write.key), write)
    }
    heard.settle()
  }

  const act = Effect.gen(function* () {
    const isQuiet = yield* Act.play({
      seconds: without === "tokens" ? UNGUARDED_ACT_SECONDS : ACT_SECONDS,
      seed: seed + rest.acts,
      scene,
      writers,
      breakers,
      tell,
    })
    const { entries, stale, trusted } = yield* Rest.compare(yield* servers.masters)
    rest.acts++
    rest.entries += entries
    rest.trusted += trusted
    rest.stale += stale.length
    for (const entry of stale) violations.add("staleAtRest", entry)
    if (!isQuiet || trusted === 0) violations.add("vacuous", { act: rest.acts, isQuiet, entries, trusted })
    heaps.push(Leaks.heap())
    onProgress?.(
      `${servers.kind}, act ${rest.acts}: ${tally.reads} reads, ${tally.ownWrites + foreign.writes} writes, ` +
        `tracker lost ${heard.losses} times, ${violations.count} violations`,
    )
  })

  const fibers = yield* Effect.forEach(
    [
      ...Array.from({ length: READERS }, (_, index) => Actors.reader(scene, random(STREAMS.readers + index))),
      Actors.fencer(scene),
      Actors.resolver(scene, Servers.ping(servers.nodes)),
    ],
    (actor) => Effect.forkScoped(actor),
  )
  const end = performance.now() + seconds * MILLIS_PER_SECOND
  const isOn = () => performance.now() < end || !breakers.every(({ wasAll }) => wasAll())
  while (isOn() && isEnough?.(violations.kinds()) !== true) yield* act
  over = true
  yield* Effect.forEach(fibers, Fiber.join)
  heard.settle(Infinity)
  if (tally.hits === 0) violations.add("vacuous", tally)

  return {
    history,
    heaps,
    figures: {
      ...tally,
      judged: history.judged,
      foreignWrites: foreign.writes,
      foreignUnknown: foreign.unknown,
      flushes: foreign.flushes,
      faults: Object.assign({}, ...breakers.map(({ counts }) => counts)),
      keysLostInFailovers: history.lost,
      trackerLosses: heard.losses,
      trackerLostSeconds: heard.lostSeconds(),
      rest,
      stalenessMillis: { ...spreadOf(heard.millis), missed: heard.missed },
    },
  }
})

/** What is to be said when all is over but L1 still there. */
const conclude = Effect.fnUntraced(function* (
  { without }: Options,
  violations: Violations,
  { heaps, history }: Pick<Effect.Success<ReturnType<typeof play>>, "heaps" | "history">,
) {
  const { kind, masters } = yield* Servers.Servers
  const { totals } = yield* Backup.Backup
  const { alarms, checked, rounds } = yield* totals
  for (let alarm = 0; alarm < alarms; alarm++) violations.add("alarm", {})
  const [server] = kind === "single" && without === undefined ? yield* masters : []
  const swapped = server && (yield* SwapDb.run(server, Act.quiet(history), violations))
  const { evicted, fills, fillsDropped } = yield* (yield* Cache.Cache).stats
  const [middle = 0, end = 0] = [heaps[Math.floor((heaps.length - 1) / 2)], heaps.at(-1)]
  if (end > middle * HEAP_GROWTH_MAX && end > middle + HEAP_GROWTH_MAX_MIB) violations.add("memory", heaps)
  return {
    fills,
    fillsDropped,
    evicted,
    backup: { rounds, checked, alarms },
    swapped: swapped ?? null,
    heapMiB: { middle, end },
  }
})

export type Figures = Effect.Success<ReturnType<typeof run>>

/** On the servers in the context, whatever they hold: it is removed. */
export const run = Effect.fnUntraced(function* (options: Options) {
  const { seconds, seed, without } = options
  const servers = yield* Servers.Servers
  const violations = new Violations()
  const heard = new Heard((name) => Keys.isProbe(Keys.number(name) ?? -1))
  const began = performance.now()
  for (const master of yield* servers.masters) yield* master.cli("FLUSHALL")
  const all = Effect.gen(function* () {
    const played = yield* play(options, violations, heard)
    return { ...played.figures, ...(yield* conclude(options, violations, played)) }
  })
  const random = Seeded.make(seed, STREAMS.delays)
  const { left, value } = yield* Leaks.leftBy(
    Effect.provide(all, Stack.layer({ url: servers.url, random, heard, without })).pipe(
      Effect.provideService(References.MinimumLogLevel, "None"),
    ),
  )
  for (const kind of left) violations.add("leak", kind)
  return {
    seed,
    seconds,
    tookSeconds: Math.round((performance.now() - began) / 100) / 10,
    without: without ?? null,
    ...value,
    left,
    violations: violations.byKind(),
    examples: violations.examples(),
  }
})
