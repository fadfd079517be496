/**
 * An array of buckets, as many as a power of two, of which a changed version costs a few small copies.
 *
 * It is a radix tree over the upper bits of a hash: nodes of 32 children, all leaves equally deep. Changing a
 * bucket copies the nodes on the way to it; everything else is shared with the version before. A subtree in
 * which there never was anything is the same value everywhere, so an empty tree costs nothing.
 *
 * Slot 0 of a node, as of a bucket, says before which tick nobody below dies. It may be too early, never too
 * late: adding lowers it on the way, removing leaves it, and `sweep`, which goes only where something may be
 * due, sets it right. So there is no index of deadlines beside the tree that could disagree with it.
 */
import * as Bucket from "./Bucket.ts"

/** A bucket is the node of a tree of depth 0. */
export type Node = ReadonlyArray<number | Node | Bucket.Bucket[number]>

/** How deep and how wide a tree is. */
export interface Shape {
  /** How far the hash is shifted to find the child at the root. */
  readonly top: number
  /** How far it is shifted at the nodes above the buckets. A tree of one bucket has no nodes: `top < bottom`. */
  readonly bottom: number
  /** The tree without anything in it. */
  readonly blank: Node
}

const BITS = 5
const CHILDREN = 1 << BITS
const MASK = CHILDREN - 1
const HASH_BITS = 32
const FIRST = 1

/** Of a tree of 2^bits buckets, at most 2^25; the root has what is left over of a power of 32. */
export const shapeOf = (bits: number): Shape => {
  const bottom = HASH_BITS - bits
  const top = bottom + BITS * (Math.ceil(bits / BITS) - 1)
  let blank: Node = Bucket.empty
  for (let shift = bottom; shift <= top; shift += BITS) {
    const children = Math.min(CHILDREN, 2 ** (HASH_BITS - shift))
    // oxlint-disable-next-line unicorn/no-new-array
    const next = new Array<Node[number]>(FIRST + children).fill(blank)
    next[0] = Bucket.NEVER
    blank = next
  }
  return { top, bottom, blank }
}

export const buckets = ({ bottom }: Shape): number => 1 << (HASH_BITS - bottom)

const slot = (hash: number, shift: number): number => FIRST + ((hash >>> shift) & MASK)

export const get = (root: Node, { bottom, top }: Shape, hash: number): Bucket.Bucket => {
  let node = root
  for (let shift = top; shift >= bottom; shift -= BITS) node = node[slot(hash, shift)] as Node
  return node as Bucket.Bucket
}

/** The tree with another bucket. */
export const set = (root: Node, { bottom, top }: Shape, hash: number, bucket: Bucket.Bucket): Node => {
  if (top < bottom) return bucket
  const due = Bucket.dueOf(bucket)
  const next = root.slice()
  let node = next
  for (let shift = top; ; shift -= BITS) {
    if (due < (node[0] as number)) node[0] = due
    const at = slot(hash, shift)
    if (shift === bottom) {
      node[at] = bucket
      return next
    }
    const child = (node[at] as Node).slice()
    node[at] = child
    node = child
  }
}

/** Whether somebody may die before `tick`. */
export const isDue = (root: Node, tick: number): boolean => (root[0] as number) < tick

/**
 * Gives each bucket in which somebody may die before `tick` to `visit`, which returns what takes its place,
 * or `undefined` to end the walk.
 */
export const sweep = (
  root: Node,
  { bottom, top }: Shape,
  tick: number,
  visit: (bucket: Bucket.Bucket) => Bucket.Bucket | undefined,
): Node => {
  let ended = false
  const under = (node: Node, shift: number): Node => {
    if (ended || !isDue(node, tick)) return node
    if (shift < bottom) {
      const bucket = visit(node as Bucket.Bucket)
      ended = bucket === undefined
      return bucket ?? node
    }
    const next = node.slice()
    let due = Bucket.NEVER
    for (let at = FIRST; at < node.length; at++) {
      const child = under(node[at] as Node, shift - BITS)
      next[at] = child
      due = Math.min(due, child[0] as number)
    }
    next[0] = due
    return next
  }
  return under(root, top)
}

/**
 * The buckets that ever had something in them, from number `from` on, in the order of the hash, with their
 * numbers.
 */
export function* walk(
  root: Node,
  { blank, bottom, top }: Shape,
  from = 0,
): Generator<readonly [index: number, bucket: Bucket.Bucket]> {
  yield* below(root, blank, top, 0)

  function* below(node: Node, nothing: Node, shift: number, first: number): ReturnType<typeof walk> {
    if (node === nothing) return
    if (shift < bottom) {
      if (first >= from) yield [first, node as Bucket.Bucket]
      return
    }
    const width = 2 ** (shift - bottom)
    for (let at = FIRST; at < node.length; at++) {
      const start = first + (at - FIRST) * width
      if (start + width > from && node[at] !== nothing[FIRST])
        yield* below(node[at] as Node, nothing[FIRST] as Node, shift - BITS, start)
    }
  }
}

/** Pairs of buckets that differ between two trees of one shape: what they share is not looked at. */
export function* differences(
  before: Node,
  after: Node,
  { bottom, top }: Pick<Shape, "bottom" | "top">,
): Generator<readonly [before: Bucket.Bucket, after: Bucket.Bucket]> {
  if (before === after) return
  if (top < bottom) return yield [before as Bucket.Bucket, after as Bucket.Bucket]
  for (let at = FIRST; at < before.length; at++) {
    yield* differences(before[at] as Node, after[at] as Node, { bottom, top: top - BITS })
  }
}
