/** One server, which nobody replaces: what it held is gone when it is killed. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RedisServer from "../RedisServer.ts"
import * as Keys from "./Keys.ts"
import * as Servers from "./Servers.ts"

const DOWN_MIN_MILLIS = 20
const DOWN_MAX_MILLIS = 300

const of = (server: Servers.Node): Servers.Servers["Service"] => {
  const masters = Effect.succeed([server])
  return {
    kind: "single",
    url: server.url,
    nodes: [server],
    masters,
    routes: Servers.makeRoutes().fill(server.port),
    faults: (run, cutting) => ({
      cuts: Servers.cuts(cutting, masters),
      blows: {
        ...Servers.pauses(run, masters),
        /** SIGKILL, and an empty server on the same port. */
        restart: Effect.gen(function* () {
          const removal = run.history.begin(Keys.ALL)
          yield* server.stop
          yield* Effect.sleep(run.random.between(DOWN_MIN_MILLIS, DOWN_MAX_MILLIS))
          yield* server.start
          run.history.acknowledgeForeign(removal)
        }),
      },
    }),
  }
}

export const layer = Layer.effect(Servers.Servers, Effect.map(RedisServer.make(), of))
