/** What must not happen, counted by kind, with a few examples of each. */

export type Kind =
  /** After a write of ours was acknowledged a read returned something older. */
  | "readYourWrites"
  /** A read that began after a good fence returned what had been overwritten before it was called. */
  | "olderThanFence"
  /** A read returned something older than an earlier read did. */
  | "wentBack"
  /** A read that began after a good fence returned what the master no longer had when it was called. */
  | "goneYetServed"
  /** A conditional write replaced what had been overwritten before it was sent. */
  | "lostUpdate"
  /** A value was returned after the end of its life in Redis. */
  | "outlived"
  /** A write of which we said that nothing was changed was seen. */
  | "refusedYetDone"
  /** A value was returned that nobody wrote, or not under this key. */
  | "neverWritten"
  /** With everything quiet and after a fence, L1 differed from Redis. */
  | "staleAtRest"
  /** The backup saw a difference that no write explains. */
  | "alarm"
  /** The end was not what a working cache leaves behind: nothing in L1, no hits, never live again. */
  | "vacuous"
  /** Sockets, timers, processes or fibers outlived the scope. */
  | "leak"
  | "memory"

const EXAMPLES_MAX = 3

export class Violations {
  private readonly found = new Map<Kind, { count: number; readonly examples: Array<unknown> }>()

  add(kind: Kind, evidence: unknown): void {
    const of = this.found.get(kind) ?? { count: 0, examples: [] }
    of.count++
    if (of.examples.length < EXAMPLES_MAX) of.examples.push(evidence)
    this.found.set(kind, of)
  }

  get count(): number {
    let sum = 0
    for (const { count } of this.found.values()) sum += count
    return sum
  }

  kinds(): ReadonlyArray<Kind> {
    return [...this.found.keys()]
  }

  byKind(): Partial<Record<Kind, number>> {
    return Object.fromEntries(Array.from(this.found, ([kind, { count }]) => [kind, count]))
  }

  examples(): Partial<Record<Kind, ReadonlyArray<unknown>>> {
    return Object.fromEntries(Array.from(this.found, ([kind, { examples }]) => [kind, examples]))
  }
}
