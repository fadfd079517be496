/**
 * Several servers that together are one store: a cluster, or the master that sentinels agree upon.
 *
 * One connection a server, replicas of a cluster included, so that a promoted one is there at once. Who has
 * which slot is asked for every second, and at once when a server says otherwise or a connection comes or
 * goes. Whoever watches hears of a change before anything is sent by it. ioredis's own cluster and sentinel
 * clients are not used: they queue and resend commands, and say nothing when a slot changes hands.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as RedisClient from "./RedisClient.ts"
import type { Redirect } from "./RedisFault.ts"
import * as RedisLayout from "./RedisLayout.ts"
import * as RedisRouting from "./RedisRouting.ts"
import { type Access, type Address, nameOf, type RedisTarget } from "./RedisTarget.ts"
import { READ_MANY_CHUNK } from "./Store.ts"

export interface RedisServers {
  readonly client: RedisClient.RedisClient
  /** Without the addresses. */
  readonly access: Access
  /** As they are known now: those that have data, and those that may come to have some. */
  readonly nodes: () => ReadonlyArray<RedisLayout.Node>
  readonly ownerOf: (slot: number) => RedisLayout.Node | undefined
  /**
   * Calls when there are other nodes, or a slot has `moved` to another one: before anything is sent to it.
   * As long as the scope lives.
   */
  readonly watch: (watcher: (moved: boolean) => void) => Effect.Effect<void, never, Scope.Scope>
}

type Several = Exclude<RedisTarget, { readonly _tag: "Server" }>

const REFRESH_EVERY = "1 second"
/** While a server is missing. */
const REFRESH_SOON = "200 millis"
const REFRESH_GAP = "20 millis"
/** How long to wait for what one server says of the others. */
const ANSWER = "500 millis"
/** A server that nobody names any more is left after as many refreshes. */
const ABSENT_MAX = 5

/** Connects like `RedisClient.make`; waits until all slots can be reached, but not longer than the timeout. */
export const make = Effect.fnUntraced(function* (
  target: Several,
  timeoutMillis: number,
): Effect.fn.Return<RedisServers, never, Scope.Scope> {
  const source = sourceOf(target)
  const complete = Latch.makeUnsafe(false)
  const hurry = Latch.makeUnsafe(false)
  const connect = yield* connecting(timeoutMillis, () => {
    if (map.isComplete()) complete.openUnsafe()
    hurry.openUnsafe()
  })
  const nodes = yield* linksOf((address) =>
    connect({ ...target.access, ...address }, target._tag === "Sentinel"),
  )
  const sentinels = yield* linksOf((address) => connect({ ...SENTINEL_ACCESS, ...address }, false))
  const map = mapOf(nodes)
  const asked = target._tag === "Cluster" ? nodes : sentinels
  for (const seed of source.seeds) asked.add(seed)

  const ask = ({ address, connection }: Link) =>
    Effect.callback<RedisLayout.Layout | undefined>((resume) =>
      connection.send(source.command, [...source.args], (fault, reply) =>
        resume(Effect.succeed(fault === undefined ? source.read(reply, address.host) : undefined)),
      ),
    ).pipe(Effect.timeoutOption(ANSWER), Effect.map(Option.getOrUndefined))

  const refresh = Effect.gen(function* () {
    const answers = yield* Effect.forEach(asked.all(), ask, { concurrency: "unbounded" })
    const layout = RedisLayout.newest(answers.filter((answer) => answer !== undefined))
    if (layout !== undefined) {
      map.adopt(layout)
      if (map.isComplete()) complete.openUnsafe()
      yield* nodes.leaveAllBut([...map.nodes(), ...(target._tag === "Cluster" ? source.seeds : [])])
    }
    yield* Effect.sleep(REFRESH_GAP)
    yield* Effect.timeoutOption(hurry.await, map.isComplete() ? REFRESH_EVERY : REFRESH_SOON)
    hurry.closeUnsafe()
  })
  yield* Effect.forkScoped(Effect.forever(refresh))
  yield* Effect.timeoutOption(complete.await, timeoutMillis)

  const routes: RedisRouting.Routes = {
    ownerOf: map.ownerOf,
    connectionOf: (node) => nodes.get(node.name)?.connection,
    follow: (redirect, from) => {
      hurry.openUnsafe()
      return map.follow(redirect, from)
    },
  }
  const owning = () => map.nodes().filter(({ slots }) => slots.length > 0)
  return {
    access: target.access,
    nodes: map.nodes,
    ownerOf: map.ownerOf,
    watch: map.watch,
    client: {
      send: (command, args, done) => RedisRouting.sendTo(routes, owning()[0])(command, args, done),
      run: RedisRouting.run(routes),
      distribution: {
        // Keys of one slot could share a script, but not while the slot moves.
        keysPerScript: target._tag === "Cluster" ? 1 : READ_MANY_CHUNK,
        sendFor: RedisRouting.sendFor(routes),
        parts: () =>
          owning().map((node) => ({
            name: `${node.id} ${node.name}`,
            send: RedisRouting.sendTo(routes, node),
          })),
      },
    },
  }
})

interface Source {
  readonly seeds: ReadonlyArray<Address>
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly read: RedisLayout.Read
}

const sourceOf = (target: Several): Source =>
  target._tag === "Cluster"
    ? { seeds: target.seeds, command: "CLUSTER", args: ["NODES"], read: RedisLayout.ofCluster }
    : {
        seeds: target.sentinels,
        command: "SENTINEL",
        args: ["MASTER", target.group],
        read: RedisLayout.ofSentinel,
      }

const SENTINEL_ACCESS: Access = { tls: false, username: undefined, password: undefined, db: 0 }

/** `onChange`: a connection has come or gone. */
const connecting = Effect.fnUntraced(function* (timeoutMillis: number, onChange: () => void) {
  const spread = yield* RedisClient.spread
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const later = (task: () => void) => dispatcher.scheduleTask(task, 0)
  return (url: RedisClient.Connecting["url"], masterOnly: boolean): RedisClient.Connection =>
    RedisClient.connect({
      url,
      timeoutMillis,
      spread,
      later,
      masterOnly,
      onOpen: onChange,
      onClosed: onChange,
    })
})

interface Link {
  readonly address: Address
  readonly connection: RedisClient.Connection
  absent: number
}

interface Links {
  readonly all: () => ReadonlyArray<Link>
  readonly get: (name: string) => Link | undefined
  readonly add: (address: Address) => void
  /** Once they have been absent for a while. */
  readonly leaveAllBut: (addresses: ReadonlyArray<Address>) => Effect.Effect<void>
}

/** One connection an address, until the scope ends. */
const linksOf = (
  connect: (address: Address) => RedisClient.Connection,
): Effect.Effect<Links, never, Scope.Scope> => {
  const links = new Map<string, Link>()
  let closed = false
  const close = (some: ReadonlyArray<Link>) =>
    Effect.forEach(some, ({ connection }) => RedisClient.close(connection.redis), {
      concurrency: "unbounded",
      discard: true,
    })
  const open = (): Links => ({
    all: () => [...links.values()],
    get: (name) => links.get(name),
    add: (address) => {
      const name = nameOf(address)
      if (!closed && !links.has(name)) links.set(name, { address, connection: connect(address), absent: 0 })
    },
    leaveAllBut: (addresses) =>
      Effect.suspend(() => {
        const named = new Set(addresses.map(nameOf))
        for (const [name, link] of links) link.absent = named.has(name) ? 0 : link.absent + 1
        const left = [...links].filter(([, { absent }]) => absent > ABSENT_MAX)
        for (const [name] of left) links.delete(name)
        return close(left.map(([, link]) => link))
      }),
  })
  return Effect.acquireRelease(Effect.sync(open), () =>
    Effect.suspend(() => {
      closed = true
      return close([...links.values()])
    }),
  )
}

/** What is known of the layout, from what servers say of all slots or of one. */
const mapOf = (links: Links) => {
  const watchers = new Set<(moved: boolean) => void>()
  let nodes: ReadonlyArray<RedisLayout.Node> = []
  let owners: Array<RedisLayout.Node | undefined> = []
  let members = ""
  /** Undefined: changed by a redirect since. */
  let ownership: string | undefined
  const tell = (moved: boolean): void => {
    for (const watcher of watchers) watcher(moved)
  }

  return {
    nodes: () => nodes,
    ownerOf: (slot: number) => owners[slot],
    isComplete: () =>
      nodes.length > 0 &&
      nodes.every(({ name, slots }) => slots.length === 0 || links.get(name)?.connection.isOpen() === true),
    watch: (watcher: (moved: boolean) => void) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => watchers.add(watcher)),
          () => Effect.sync(() => watchers.delete(watcher)),
        ),
      ),
    adopt: (layout: RedisLayout.Layout): void => {
      for (const node of layout.nodes) links.add(node)
      const moved = RedisLayout.ownership(layout) !== ownership
      if (!moved && RedisLayout.members(layout) === members) return
      nodes = layout.nodes
      owners = RedisLayout.ownersOf(layout)
      members = RedisLayout.members(layout)
      ownership = RedisLayout.ownership(layout)
      tell(moved)
    },
    follow: (redirect: Redirect, from: RedisLayout.Node): RedisLayout.Node => {
      const address = { host: redirect.host === "" ? from.host : redirect.host, port: redirect.port }
      const known = nodes.find((node) => RedisLayout.isAt(node, address))
      const node = known ?? { ...address, id: "", name: nameOf(address), hostname: "", slots: [] }
      const moved = redirect.kind === "MOVED" && owners[redirect.slot] !== node
      if (known === undefined) {
        nodes = [...nodes, node]
        members = ""
        links.add(node)
      }
      if (moved) {
        owners[redirect.slot] = node
        ownership = undefined
      }
      if (moved || known === undefined) tell(moved)
      return node
    },
  }
}
