/**
 * When a write may happen, in the words of RFC 9110 section 13.1: `If-Match` and `If-None-Match`.
 *
 * The store decides, against what it holds at that instant; comparing with a copy would be wrong. This
 * module says what "holds" means for the stores that run in this process; Redis runs the same rule as Lua.
 */
import type { EntityTag } from "./Entry.ts"

/** Any present value, or one whose tag is listed. */
export type Selector = "any" | ReadonlyArray<EntityTag>

export interface Condition {
  /** The write needs a value that this selects. */
  readonly ifMatch?: Selector
  /** The write needs that no value is selected by this. */
  readonly ifNoneMatch?: Selector
}

export const always: Condition = {}
export const ifAbsent: Condition = { ifNoneMatch: "any" }
export const ifPresent: Condition = { ifMatch: "any" }
export const ifTag = (tag: EntityTag): Condition => ({ ifMatch: [tag] })

/** Whether a value with this tag (`undefined`: there is none) is selected. */
export const selects = (selector: Selector, current: EntityTag | undefined): boolean =>
  current !== undefined && (selector === "any" || selector.includes(current))

/** Whether the write may happen while the store holds a value with this tag (`undefined`: none). */
export const holds = (self: Condition, current: EntityTag | undefined): boolean =>
  (self.ifMatch === undefined || selects(self.ifMatch, current)) &&
  (self.ifNoneMatch === undefined || !selects(self.ifNoneMatch, current))

export const isAlways = (self: Condition): boolean =>
  self.ifMatch === undefined && self.ifNoneMatch === undefined
