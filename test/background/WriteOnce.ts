/** A thread that writes once when it is told to, while the one that started it is blocked, and wakes it. */
import { parentPort, workerData } from "node:worker_threads"
import * as RedisWire from "../RedisWire.ts"

export interface Options {
  readonly port: number
  readonly command: RedisWire.Command
  /** Shared; not 0 when it is done. */
  readonly done: Int32Array<SharedArrayBuffer>
}

if (parentPort !== null) {
  const { command, done, port }: Options = workerData
  const told = new Promise((resolve) => parentPort?.once("message", resolve))
  const connection = await RedisWire.open(port)
  parentPort.postMessage("ready")
  await told
  await connection.send([command])
  connection.close()
  Atomics.store(done, 0, 1)
  Atomics.notify(done, 0)
}
