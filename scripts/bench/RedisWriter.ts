/** The writer of `redis.ts`: a thread of its own that sets keys in turn and tells when each was acknowledged. */
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import * as RespConnection from "../../test/chaos/RespConnection.ts"
import { micros } from "../../test/chaos/Time.ts"

export interface WriterOptions {
  readonly port: number
  readonly keys: ReadonlyArray<string>
  readonly valueBytes: number
  /** After every `burst` writes, which follow one another as fast as they are acknowledged. */
  readonly pauseMillis: number
  readonly burst: number
}

/** Microseconds of CLOCK_MONOTONIC: before the write was sent and after it was acknowledged. */
export type Wrote = readonly [key: string, start: number, end: number]

const TELL_EVERY_MILLIS = 50

const { burst, keys, pauseMillis, port, valueBytes }: WriterOptions = workerData

let over = false
const told: Array<Wrote> = []
const tell = () => parentPort?.postMessage(told.splice(0))

parentPort?.once("message", () => (over = true))
const timer = setInterval(tell, TELL_EVERY_MILLIS)
const connection = await RespConnection.open(port)
for (let writes = 0; !over; writes++) {
  const key = keys[writes % keys.length] ?? ""
  const start = micros()
  await connection.send(["SET", key, `${writes}`.padEnd(valueBytes, ".")])
  told.push([key, start, micros()])
  if (writes % burst === 0) await sleep(pauseMillis)
}
connection.close()
clearInterval(timer)
tell()
parentPort?.postMessage("done")
