/** Does the tasks that `hit-ratio.ts` sends, one at a time. */
import { parentPort } from "node:worker_threads"
import * as HitRatio from "./HitRatio.ts"

parentPort?.on("message", (task: HitRatio.Task) => parentPort?.postMessage(HitRatio.measure(task)))
