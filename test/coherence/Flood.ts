/**
 * A thread that writes while the one that started it is blocked: first what it is given, then more and more, until
 * the server has given up everybody who is subscribed. Then it wakes who waits.
 */
import { parentPort, workerData } from "node:worker_threads"
import * as RedisWire from "../RedisWire.ts"

export interface Options {
  readonly port: number
  readonly first: RedisWire.Command
  /** Shared; not 0 when it is done. */
  readonly done: Int32Array<SharedArrayBuffer>
}

/** Well below what the server keeps for a reader: it is given up for not reading, not for one large message. */
const BURST = "for i = 1, 40 do redis.call('SET', ARGV[1] .. i .. string.rep('x', 1000), '') end"

const flood = async ({ done, first, port }: Options): Promise<void> => {
  const connection = await RedisWire.open(port)
  parentPort?.postMessage("ready")
  await new Promise((resolve) => parentPort?.once("message", resolve))
  await connection.send([first])
  for (let index = 0; ; index++) {
    const [, list] = await connection.send([
      ["EVAL", BURST, "0", `flood ${index} `],
      ["CLIENT", "LIST", "TYPE", "pubsub"],
    ])
    if (Buffer.isBuffer(list) && list.length === 0) break
  }
  connection.close()
  Atomics.store(done, 0, 1)
  Atomics.notify(done, 0)
}

if (parentPort !== null) {
  const options: Options = workerData
  await flood(options)
}
