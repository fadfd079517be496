/**
 * 32 bits of a key: which bucket it is in, and by which it is told from its neighbours.
 *
 * Two characters at a time are multiplied in, and the end mixes every bit into every other (the finaliser of
 * MurmurHash3, Austin Appleby, public domain): the tree takes its upper bits and the words of a bucket its
 * lower ones, so all of them have to be good. The seed makes collisions differ from process to process.
 * It is no cryptographic hash: who may write keys at will can find some that collide. They share a bucket,
 * and a bucket takes only so many (`Bucket.MAX_PLACES`).
 */
import type { Key } from "./Entry.ts"

const PRIME = 0x01000193
const MIX_1 = 0x85ebca6b
const MIX_2 = 0xc2b2ae35

/** A signed 32-bit integer. */
export const of = (key: Key, seed: number): number => {
  let hash = seed ^ key.length
  const pairs = key.length & ~1
  for (let at = 0; at < pairs; at += 2) {
    hash = Math.imul(hash ^ (key.charCodeAt(at) | (key.charCodeAt(at + 1) << 16)), PRIME)
    hash ^= hash >>> 15
  }
  if (pairs < key.length) hash = Math.imul(hash ^ key.charCodeAt(pairs), PRIME)
  hash = Math.imul(hash ^ (hash >>> 16), MIX_1)
  hash = Math.imul(hash ^ (hash >>> 13), MIX_2)
  return hash ^ (hash >>> 16)
}
