/**
 * What is counted of every reply, whoever gave it: by method, route and class of status, and how long it took. No
 * label holds a key.
 *
 * Counting is adding to plain numbers, so that the hot path can afford it; a series is registered among the metrics
 * when it is first needed.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type * as AccessLog from "./AccessLog.ts"
import { METHODS } from "./Routes.ts"

/** Upper bounds of the histogram, in seconds. */
const BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

const NANOS_PER_MICRO = 1_000
const NANOS_PER_SECOND = 1e9

/** The counts of one method on one route. */
export interface Series {
  readonly method: string
  readonly route: string
  /** By class of status: at 2 those of 2xx. */
  readonly statuses: Array<number>
  /** By bound, and at the end those that took longer. */
  readonly durations: Array<number>
  timed: number
  sumSeconds: number
}

export interface Reply {
  readonly status: number
  /** Absent for streams, which last as long as they last. */
  readonly nanos: number | undefined
  /** Of the body. */
  readonly bytes: number
  readonly caller: string
}

export interface Traffic {
  /** `method`: as it came; one that no route takes is called `other`. */
  readonly series: (method: string, route: string) => Series
  readonly observe: (series: Series, reply: Reply) => void
}

/** What the route is called of a path that is none. */
export const NO_ROUTE = "none"

const measure = (series: Series, nanos: number): void => {
  const seconds = nanos / NANOS_PER_SECOND
  let index = 0
  while (index < BOUNDS.length && seconds > (BOUNDS[index] ?? 0)) index++
  series.durations[index] = (series.durations[index] ?? 0) + 1
  series.timed++
  series.sumSeconds += seconds
}

const histogramOf = (series: Series) => {
  let below = 0
  const buckets = BOUNDS.map((bound, index): [number, number] => {
    below += series.durations[index] ?? 0
    return [bound, below]
  })
  return { buckets, count: series.timed, min: 0, max: 0, sum: series.sumSeconds }
}

/** Registers series among the metrics of the context until the scope ends. */
const makeRegister = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const registrations: Array<Metric.Registration> = []
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const registration of registrations) registration.remove()
    }),
  )
  return <State>(metric: Metric.Metric<number, State>, get: () => State): void => {
    const hooks = { get, update: () => {}, modify: () => {} }
    registrations.push(Metric.registerUnsafe(metric, context, hooks))
  }
})

/** `wallNow`: Unix milliseconds. `log`: where lines go; absent: nowhere. */
export const make = (
  wallNow: () => number,
  log: AccessLog.AccessLog | undefined,
): Effect.Effect<Traffic, never, Scope.Scope> =>
  Effect.map(makeRegister, (register) => {
    const all = new Map<string, Series>()

    const begin = (method: string, route: string): Series => {
      const series: Series = {
        method,
        route,
        statuses: [0, 0, 0, 0, 0, 0],
        durations: Array.from({ length: BOUNDS.length + 1 }, () => 0),
        timed: 0,
        sumSeconds: 0,
      }
      const metric = Metric.histogram("cache_mechanism_http_request_duration_seconds", {
        description: "from the head of a request to the end of its reply; streams are not timed",
        boundaries: BOUNDS,
        attributes: { method, route },
      })
      register(metric, () => histogramOf(series))
      return series
    }

    const beginStatus = (series: Series, status: number): void => {
      const metric = Metric.counter("cache_mechanism_http_requests_total", {
        description: "replies, by the class of their status",
        incremental: true,
        attributes: { method: series.method, route: series.route, status: `${status}xx` },
      })
      register(metric, () => ({ count: series.statuses[status] ?? 0, incremental: true }))
    }

    return {
      series: (received, route) => {
        const method = METHODS.has(received) ? received : "other"
        const name = `${method} ${route}`
        const series = all.get(name) ?? begin(method, route)
        all.set(name, series)
        return series
      },
      observe: (series, { bytes, caller, nanos, status }) => {
        const kind = Math.floor(status / 100)
        if (series.statuses[kind] === 0) beginStatus(series, kind)
        series.statuses[kind] = (series.statuses[kind] ?? 0) + 1
        if (nanos !== undefined) measure(series, nanos)
        if (log === undefined) return
        const micros = nanos === undefined ? "null" : String(Math.round(nanos / NANOS_PER_MICRO))
        // Nothing in here needs escaping: names of methods, routes and tokens are all ours.
        log.write(
          `{"time":"${DateTime.formatIso(DateTime.makeUnsafe(wallNow()))}","method":"${series.method}","route":"${series.route}","status":${status},"micros":${micros},"bytes":${bytes},"caller":"${caller}"}\n`,
        )
      },
    }
  })
