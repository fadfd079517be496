/**
 * Which servers there are, and which of them has which slot: as one of them says (`CLUSTER NODES`), or a
 * sentinel, for whom all slots belong to the one master (`SENTINEL MASTER`).
 */
import { Buffer } from "node:buffer"
import * as Schema from "effect/Schema"
import * as RedisSlot from "./RedisSlot.ts"
import { type Address, nameOf } from "./RedisTarget.ts"

export interface Node extends Address {
  /** Another one when a server is replaced by an empty one at the same address. */
  readonly id: string
  /** `host:port`. */
  readonly name: string
  readonly hostname: string
  /** From, to and from, to … */
  readonly slots: ReadonlyArray<number>
}

export interface Layout {
  /** Grows with what is agreed upon: of two sayings, the one with the higher epoch is the newer. */
  readonly epoch: number
  readonly nodes: ReadonlyArray<Node>
}

/** Undefined: that is no answer. `host`: of the server that was asked. */
export type Read = (reply: unknown, host: string) => Layout | undefined

const FLAGS_GONE = ["handshake", "noaddr"]

/**
 * A line a node: id, `host:port@bus,hostname`, flags, master, ping, pong, epoch, link and slots, with those on
 * the move in brackets. A node that failed and has no slots is none.
 */
export const ofCluster: Read = (reply, host) => {
  if (!Buffer.isBuffer(reply)) return undefined
  const nodes: Array<Node> = []
  let epoch = 0
  for (const line of reply.toString().trim().split("\n")) {
    const [id = "", place = "", flags = "", , , , ownEpoch, , ...ranges] = line.trim().split(" ")
    const parts = /^(.*):(\d+)(?:@\d+)?(?:,([^,]*).*)?$/u.exec(place)
    if (parts === null) return undefined
    epoch = Math.max(epoch, Number(ownEpoch))
    const slots = ranges.filter((range) => !range.startsWith("[")).flatMap(rangeOf)
    const states = flags.split(",")
    if (FLAGS_GONE.some((flag) => states.includes(flag))) continue
    if (states.includes("fail") && slots.length === 0) continue
    const address = {
      host: parts[1] === undefined || parts[1] === "" ? host : parts[1],
      port: Number(parts[2]),
    }
    nodes.push({ ...address, id, name: nameOf(address), hostname: parts[3] ?? "", slots })
  }
  return nodes.length === 0 || Number.isNaN(epoch) ? undefined : { epoch, nodes: nodes.toSorted(byName) }
}

const Master = Schema.decodeUnknownOption(
  Schema.Struct({
    ip: Schema.NonEmptyString,
    port: Schema.NumberFromString,
    "config-epoch": Schema.NumberFromString,
  }),
)

/** Names and values in turn. */
export const ofSentinel: Read = (reply) => {
  if (!Array.isArray(reply)) return undefined
  const texts = reply.map(String)
  const fields = Object.fromEntries(
    texts.flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1]]] : [])),
  )
  const master = Master(fields)
  if (master._tag === "None") return undefined
  const { "config-epoch": epoch, ip: host, port } = master.value
  const name = nameOf({ host, port })
  return { epoch, nodes: [{ host, port, id: name, name, hostname: "", slots: [0, RedisSlot.SLOTS - 1] }] }
}

/** The newest of what several say. Among equals the first. */
export const newest = (layouts: ReadonlyArray<Layout>): Layout | undefined =>
  layouts.reduce<Layout | undefined>(
    (best, layout) => (best === undefined || layout.epoch > best.epoch ? layout : best),
    undefined,
  )

/** The node of each slot. */
export const ownersOf = (layout: Layout): Array<Node | undefined> => {
  const owners: Array<Node | undefined> = Array.from({ length: RedisSlot.SLOTS }, () => undefined)
  for (const node of layout.nodes) {
    for (let at = 0; at < node.slots.length; at += 2)
      owners.fill(node, node.slots[at], (node.slots[at + 1] ?? 0) + 1)
  }
  return owners
}

/** Servers are told apart by address or by name, as the cluster is set up. */
export const isAt = (self: Node, { host, port }: Address): boolean =>
  self.port === port && (self.host === host || self.hostname === host)

/** Texts that are the same when the nodes are, or who has which slot. */
export const members = ({ nodes }: Layout): string => nodes.map(({ id, name }) => `${id} ${name}`).join()

export const ownership = ({ nodes }: Layout): string =>
  nodes
    .filter(({ slots }) => slots.length > 0)
    .map(({ id, name, slots }) => `${id} ${name} ${slots.join(" ")}`)
    .join()

const rangeOf = (range: string): ReadonlyArray<number> => {
  const [from, to = from] = range.split("-").map(Number)
  return from === undefined || to === undefined ? [] : [from, to]
}

const byName = (one: Node, other: Node): number => (one.name < other.name ? -1 : 1)
