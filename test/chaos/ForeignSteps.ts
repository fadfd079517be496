/** What each foreign writer does, write by write. */
import { type ForeignWrite, UNTOLD } from "./ForeignLog.ts"
import * as Keys from "./Keys.ts"
import type { Reply } from "./RespConnection.ts"
import type { Seeded } from "./Seeded.ts"
import { micros, MICROS_PER_MILLI } from "./Time.ts"
import * as Value from "./Value.ts"

export type Change = Pick<ForeignWrite, "key" | "text" | "lifeMillis">

export interface Step {
  /** Of the keys that it is about. */
  readonly group: number
  readonly commands: ReadonlyArray<ReadonlyArray<string | number>>
  /** What it did, by its answers; undefined: nobody answered. */
  readonly changes: (replies: ReadonlyArray<Reply> | undefined) => ReadonlyArray<Change>
  /** When it began to have an effect, where that is not when it was sent. Microseconds. */
  readonly since?: number
  /** Not sent before. Milliseconds. */
  readonly waitMillis?: number
}

/** The next step of a writer, at a time in microseconds. */
export type Next = (start: number) => Step

const FLUSHALL_EVERY_MILLIS = 1_500
const LIFE_MIN_MILLIS = 20
const LIFE_MAX_MILLIS = 300
const COUNTS_PER_SET = 50

const SET_BOTH = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[2])"
/** The value goes from one key to another, whoever wrote it; the answer is the value. */
const move = (command: string, ...args: ReadonlyArray<string>) =>
  `local value = redis.call('GET', KEYS[1])
   if value then redis.call('${[command, ...args].join("', '")}') end
   return value`
    .replace("'FROM'", "KEYS[1]")
    .replace("'TO'", "KEYS[2]")
const RENAME = move("RENAME", "FROM", "TO")
const COPY = move("COPY", "FROM", "TO", "REPLACE")

const values = (writer: string) => {
  let sequence = 0
  return (start: number, key: number, lifeMillis = 0, encode = Value.encode) => ({
    key,
    lifeMillis,
    text: encode(writer, sequence++, { key, lifeMillis, start }),
  })
}

const removal = (key: number, lifeMillis = 0): Change => ({ key, text: undefined, lifeMillis })

const step = (
  key: number,
  changes: ReadonlyArray<Change>,
  ...commands: ReadonlyArray<ReadonlyArray<string | number>>
): Step => ({ group: Keys.groupOf(key), changes: () => changes, commands })

/** `flushes`: it empties servers now and then. */
export const mixed = (writer: string, random: Seeded, isSharded: boolean, flushes: boolean): Next => {
  const value = values(writer)
  let flushedAt = micros()

  const flushAll = (): Step => {
    if (!isSharded) return step(0, [removal(Keys.ALL)], ["FLUSHALL"])
    const group = random.below(Keys.FIRST_MOVING)
    // Those that move may have been there, or not.
    const changes = [removal(Keys.staying(group % Keys.SHARDS)), removal(Keys.moving, 1)]
    return { group, commands: [["FLUSHALL"]], changes: () => changes }
  }

  return (start) => {
    const key = Keys.anyMixed(random)
    const kind = random.next()
    if (flushes && start - flushedAt > FLUSHALL_EVERY_MILLIS * MICROS_PER_MILLI) {
      flushedAt = start
      return flushAll()
    }
    if (kind < 0.5) {
      const one = value(start, key)
      return step(key, [one], ["SET", Keys.name(key), one.text])
    }
    if (kind < 0.65) {
      const one = value(start, key, Math.ceil(random.between(LIFE_MIN_MILLIS, LIFE_MAX_MILLIS)))
      return step(key, [one], ["SET", Keys.name(key), one.text, "PX", one.lifeMillis])
    }
    if (kind < 0.8) return step(key, [removal(key)], ["DEL", Keys.name(key)])
    const other = Keys.mate(key, random)
    const [one, two] = [value(start, key), value(start, other)]
    const names = [Keys.name(key), Keys.name(other)] as const
    return kind < 0.9
      ? step(key, [one, two], ["MULTI"], ["SET", names[0], one.text], ["SET", names[1], two.text], ["EXEC"])
      : step(key, [one, two], ["EVAL", SET_BOTH, 2, ...names, one.text, two.text])
  }
}

/** Sets a counter to the time, then counts on from there. */
export const counters = (): Next => {
  let writes = 0
  return (start) => {
    const key = Keys.counter(writes % Keys.COUNTERS)
    const setting = Math.floor(writes / Keys.COUNTERS) % COUNTS_PER_SET === 0
    writes++
    // How far it got is known once it is answered; until then it could be any number.
    const text = (reply: Reply | undefined): string =>
      reply === undefined ? UNTOLD : `${setting ? start : String(reply)}`
    return {
      group: Keys.groupOf(key),
      commands: [setting ? ["SET", Keys.name(key), start] : ["INCR", Keys.name(key)]],
      changes: (replies) => [{ key, text: text(replies?.[0]), lifeMillis: 0 }],
    }
  }
}

export const probes = (writer: string): Next => {
  const value = values(writer)
  let writes = 0
  return (start) => {
    const key = Keys.probe(writes++ % Keys.PROBES)
    const one = value(start, key)
    return step(key, [one], ["SET", Keys.name(key), one.text])
  }
}

/** Far away: it is the time that is left which must be right in L1. */
const LONG_SECONDS = 1_000
const SHORT_MILLIS = 20

/** What changes keys without setting them: RENAME, COPY, APPEND, EXPIRE and PERSIST. */
export const families = (writer: string, random: Seeded): Next => {
  const value = values(writer)
  let expiring: { readonly key: number; readonly since: number } | undefined

  /** A key that is to expire is looked at when it must be gone: somebody may have set it again. */
  const gone = ({ key, since }: { readonly key: number; readonly since: number }): Step => ({
    group: Keys.groupOf(key),
    commands: [["EXISTS", Keys.name(key)]],
    changes: (replies) => (replies?.[0] === 0 ? [removal(key)] : []),
    since,
    waitMillis: SHORT_MILLIS + 5,
  })

  const moved = (script: string, from: number, to: number): Step => ({
    group: Keys.groupOf(from),
    commands: [["EVAL", script, 2, Keys.name(from), Keys.name(to)]],
    changes: (replies) => {
      if (replies?.[0] === "") return []
      const written = { key: to, text: String(replies?.[0] ?? UNTOLD), lifeMillis: 0 }
      return script === RENAME ? [removal(from), written] : [written]
    },
  })

  return (start) => {
    if (expiring !== undefined) {
      const next = gone(expiring)
      expiring = undefined
      return next
    }
    const { appended, expired, pair } = Keys.family(random.below(Keys.FAMILIES))
    const [from, to] = random.chance(0.5) ? pair : [pair[1], pair[0]]
    const kind = random.next()
    if (kind < 0.25) {
      const one = value(start, from)
      const life = random.chance(0.5) ? ["EX", LONG_SECONDS] : []
      return step(from, [one], ["SET", Keys.name(from), one.text, ...life])
    }
    if (kind < 0.4) return moved(RENAME, from, to)
    if (kind < 0.5) return moved(COPY, from, to)
    if (kind < 0.7) {
      const sets = random.chance(0.3)
      const one = value(start, appended, 0, sets ? Value.encode : Value.encodeMore)
      return step(appended, [one], [sets ? "SET" : "APPEND", Keys.name(appended), one.text])
    }
    if (kind < 0.8) {
      const one = value(start, expired)
      return step(expired, [one], ["SET", Keys.name(expired), one.text])
    }
    if (kind < 0.87) return step(expired, [], ["EXPIRE", Keys.name(expired), LONG_SECONDS])
    if (kind < 0.94) return step(expired, [], ["PERSIST", Keys.name(expired)])
    expiring = { key: expired, since: start }
    return step(expired, [removal(expired, SHORT_MILLIS)], ["PEXPIRE", Keys.name(expired), SHORT_MILLIS])
  }
}
