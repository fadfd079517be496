/**
 * The foreign writers: a thread with connections of its own, which knows nothing of the cache. It says in
 * shared memory what has been acknowledged, at once, and tells the rest in batches.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import type { ForeignBatch, ForeignOptions, ForeignWrite } from "./ForeignLog.ts"
import * as Keys from "./Keys.ts"
import * as RespConnection from "./RespConnection.ts"
import * as Seeded from "./Seeded.ts"
import { micros } from "./Time.ts"
import * as Value from "./Value.ts"

const { acknowledged, pauseMillis, port, seed }: ForeignOptions = workerData

const MIXED_WRITERS = 4
const FLUSH_EVERY_MILLIS = 20
const RECONNECT_MILLIS = 10
const FLUSHALL_EVERY_MILLIS = 1_500
const LIFE_MIN_MILLIS = 20
const LIFE_MAX_MILLIS = 300
const COUNTS_PER_SET = 50

const SET_BOTH = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[2])"

interface Change {
  readonly key: number
  readonly text: string | undefined
  readonly lifeMillis: number
}

let over = false
let log: Array<ForeignWrite> = []
/** When the write that a writer waits for was sent. */
const sent = new Map<string, number>()

const tell = (changes: ReadonlyArray<Change>, start: number, end: number): void => {
  for (const change of changes) {
    log.push({ ...change, start, end })
    if (end === Infinity) continue
    const keys = change.key === Keys.ALL ? Keys.names.keys() : [change.key]
    for (const key of keys) acknowledged[key] = Math.max(acknowledged[key] ?? 0, start)
  }
}

const flush = (done: boolean): void => {
  const watermark = Math.min(micros(), ...sent.values())
  const batch: ForeignBatch = { writes: log, watermark, done }
  log = []
  parentPort?.postMessage(batch)
}

/** Writes until it is over, connecting again and again. */
const write = async (
  name: string,
  next: (
    connection: RespConnection.RespConnection,
    begin: (changes: ReadonlyArray<Change>) => void,
  ) => Promise<unknown>,
): Promise<void> => {
  while (!over) {
    const connection = await RespConnection.open(port).catch(() => undefined)
    let open: ReadonlyArray<Change> = []
    try {
      while (connection !== undefined && !over) {
        await next(connection, (changes) => {
          open = changes
        })
        const start = sent.get(name)
        if (start !== undefined) tell(open, start, micros())
        sent.delete(name)
        await sleep(pauseMillis)
      }
    } catch {
      const start = sent.get(name)
      if (start !== undefined) tell(open, start, Infinity)
      sent.delete(name)
    }
    connection?.close()
    if (!over) await sleep(RECONNECT_MILLIS)
  }
}

const mixed = (index: number): Promise<void> => {
  const random = Seeded.make(seed, 100 + index)
  const name = `f${index}`
  let sequence = 0
  let flushedAt = micros()

  return write(name, (connection, begin) => {
    const start = micros()
    sent.set(name, start)
    const value = (key: number, lifeMillis = 0): Change & { readonly text: string } => ({
      key,
      lifeMillis,
      text: Value.encode(name, sequence++, { key, lifeMillis, start }),
    })
    const key = Keys.anyMixed(random)
    const kind = random.next()
    if (index === 0 && start - flushedAt > FLUSHALL_EVERY_MILLIS * 1_000) {
      flushedAt = start
      begin([{ key: Keys.ALL, text: undefined, lifeMillis: 0 }])
      return connection.send(["FLUSHALL"])
    }
    if (kind < 0.5) {
      const one = value(key)
      begin([one])
      return connection.send(["SET", Keys.name(key), one.text])
    }
    if (kind < 0.65) {
      const one = value(key, Math.ceil(random.between(LIFE_MIN_MILLIS, LIFE_MAX_MILLIS)))
      begin([one])
      return connection.send(["SET", Keys.name(key), one.text, "PX", one.lifeMillis])
    }
    if (kind < 0.8) {
      begin([{ key, text: undefined, lifeMillis: 0 }])
      return connection.send(["DEL", Keys.name(key)])
    }
    const other = (key + 1 + random.below(Keys.MIXED - 1)) % Keys.MIXED
    const [first, second] = [value(key), value(other)]
    begin([first, second])
    const names = [Keys.name(key), Keys.name(other)]
    return kind < 0.9
      ? connection.send(
          ["MULTI"],
          ["SET", names[0] ?? "", first.text],
          ["SET", names[1] ?? "", second.text],
          ["EXEC"],
        )
      : connection.send(["EVAL", SET_BOTH, 2, ...names, first.text, second.text])
  })
}

/** Sets a counter to the time, then counts on from there. */
const counters = (): Promise<void> => {
  const name = "counters"
  let writes = 0
  return write(name, async (connection, begin) => {
    const start = micros()
    sent.set(name, start)
    const key = Keys.counter(writes % Keys.COUNTERS)
    const setting = Math.floor(writes / Keys.COUNTERS) % COUNTS_PER_SET === 0
    writes++
    // How far it got is known once it is answered; until then it could be any number.
    begin([{ key, text: "?", lifeMillis: 0 }])
    const [reply] = await connection.send(setting ? ["SET", Keys.name(key), start] : ["INCR", Keys.name(key)])
    begin([{ key, text: String(setting ? start : reply), lifeMillis: 0 }])
  })
}

const probes = (): Promise<void> => {
  const name = "f9"
  let sequence = 0
  return write(name, (connection, begin) => {
    const start = micros()
    sent.set(name, start)
    const key = Keys.probe(sequence % Keys.PROBES)
    const text = Value.encode(name, sequence++, { key, lifeMillis: 0, start })
    begin([{ key, text, lifeMillis: 0 }])
    return connection.send(["SET", Keys.name(key), text])
  })
}

parentPort?.once("message", () => (over = true))
const timer = setInterval(() => flush(false), FLUSH_EVERY_MILLIS)
await Promise.all([
  ...Array.from({ length: MIXED_WRITERS }, (_, index) => mixed(index)),
  counters(),
  probes(),
])
clearInterval(timer)
flush(true)
