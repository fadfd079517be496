/**
 * When each write had ended, by its value, in bounded memory: exact for as long as a minute. Of an older one
 * only what was slow is kept; the others had ended soon after they began.
 */
const GENERATION_MICROS = 30_000_000
/** A write that took longer is remembered for good. */
const SLOW_MICROS = 100_000

export class Ends {
  private young = new Map<string, number>()
  private old = new Map<string, number>()
  private readonly slow = new Map<string, number>()
  private youngSince = 0

  /** Infinity: it has not ended, or nobody knows. */
  set(text: string, start: number, end: number, now: number): void {
    if (end - start > SLOW_MICROS) this.slow.set(text, end)
    else {
      this.slow.delete(text)
      this.young.set(text, end)
    }
    if (now - this.youngSince < GENERATION_MICROS) return
    this.old = this.young
    this.young = new Map()
    this.youngSince = now
  }

  /** Not before it ended. `start`: of the write. */
  get(text: string, start: number): number {
    return this.exact(text) ?? start + SLOW_MICROS
  }

  exact(text: string): number | undefined {
    return this.slow.get(text) ?? this.young.get(text) ?? this.old.get(text)
  }
}
