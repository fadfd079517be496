/** The entity tag of a value: the SHA-1 of its bytes, the same that Redis computes with `redis.sha1hex`. */
import { hash } from "node:crypto"
import type { EntityTag, Value } from "../core/Entry.ts"

export const of = (value: Value): EntityTag => hash("sha1", value, "hex")
