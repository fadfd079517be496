/**
 * Sends scripts and commands to the server that has their key's slot, and on from there: one that was redirected
 * did nothing.
 */
import * as RedisFault from "./RedisFault.ts"
import type { Argument, Connection, Done, RedisClient } from "./RedisClient.ts"
import type { Node } from "./RedisLayout.ts"
import * as RedisSlot from "./RedisSlot.ts"

export interface Routes {
  readonly ownerOf: (slot: number) => Node | undefined
  readonly connectionOf: (node: Node) => Connection | undefined
  /** Called before anything is sent on; the node it leads to. */
  readonly follow: (redirect: RedisFault.Redirect, from: Node) => Node
}

/** How often one command is sent on. */
const REDIRECTS_MAX = 5

export const run =
  (routes: Routes): RedisClient["run"] =>
  (script, keys, args, done) =>
    route(routes, keys[0] ?? "", done, (connection, asking, settle) => {
      if (!asking) return connection.run(script, keys, args, settle)
      // ASKING holds for the one command after it: there must be no second one for an unknown script.
      connection.send("ASKING", [], () => {})
      connection.send("EVAL", [script.lua, keys.length, ...keys, ...args], settle)
    })

/** The same for a command about one key. */
export const sendFor =
  (routes: Routes) =>
  (key: Argument): RedisClient["send"] =>
  (command, args, done) =>
    route(routes, key, done, (connection, asking, settle) => {
      if (asking) connection.send("ASKING", [], () => {})
      connection.send(command, args, settle)
    })

const route = (
  routes: Routes,
  key: Argument,
  done: Done,
  send: (connection: Connection, asking: boolean, settle: Done) => void,
): void => {
  const attempt = (node: Node | undefined, asking: boolean, left: number): void => {
    const connection = node === undefined ? undefined : routes.connectionOf(node)
    if (node === undefined || connection === undefined) return done(notConnected, undefined)
    send(connection, asking, (fault, reply) => {
      const redirect = fault?._tag === "Refused" ? fault.redirect : undefined
      if (redirect === undefined || left === 0) return done(fault, reply)
      attempt(routes.follow(redirect, node), redirect.kind === "ASK", left - 1)
    })
  }
  attempt(routes.ownerOf(RedisSlot.of(typeof key === "number" ? `${key}` : key)), false, REDIRECTS_MAX)
}

/** To one server, whatever it has. */
export const sendTo =
  (routes: Routes, node: Node | undefined): RedisClient["send"] =>
  (command, args, done) => {
    const connection = node === undefined ? undefined : routes.connectionOf(node)
    if (connection === undefined) done(notConnected, undefined)
    else connection.send(command, args, done)
  }

const notConnected = RedisFault.notSent("not connected yet")
