/** The entity tag of a value: the SHA-1 of its bytes, the same that Redis computes with `redis.sha1hex`. */
import { hash } from "node:crypto"
import type { EntityTag } from "../core/Entry.ts"

export const of = (bytes: Uint8Array): EntityTag => hash("sha1", bytes, "hex")
