/**
 * Many writers, few commits: what is written in one turn of the event loop is committed together, because
 * what costs is the wait for the disk, and that is the same for one write as for a thousand.
 *
 * Every writer is answered after the commit that holds its write. A write that fails on its own terms (a
 * condition that does not hold) is an answer like another. When a write is refused by the database, the
 * transaction is undone and each of its writes is tried alone, so that none spoils the others'.
 */

/** Each throws what the database throws. */
export interface Transactions {
  readonly begin: () => void
  readonly commit: () => void
  readonly rollback: () => void
}

export interface Task {
  /** What it adds to a transaction. */
  readonly bytes: number
  /** Writes, within a transaction; what it returns is called after the commit. May run more than once. */
  readonly run: () => () => void
  /** Called instead with what was thrown, and when. */
  readonly fail: (error: unknown, during: "statement" | "commit") => void
}

export interface GroupCommit {
  /** False: too many are waiting, or it is closed. */
  readonly submit: (task: Task) => boolean
  /** Commits what was submitted and takes no more. */
  readonly close: () => void
}

/** At 1 MiB each a lot of memory, but what it bounds is how long the last one waits. */
const WAITING_MAX = 16_384
/** One commit must not hold up the readers for long. */
const BATCH_MAX = 1000
const BATCH_MAX_BYTES = 8 * 1024 * 1024

/** `later` calls when the input of this turn of the event loop has been handled. */
export const make = (transactions: Transactions, later: (task: () => void) => void): GroupCommit => {
  let waiting: Array<Task> = []
  let scheduled = false
  let closed = false

  const commit = (tasks: ReadonlyArray<Task>): void => {
    const answers: Array<() => void> = []
    try {
      transactions.begin()
      for (const task of tasks) answers.push(task.run())
    } catch (error) {
      transactions.rollback()
      if (tasks.length === 1) for (const task of tasks) task.fail(error, "statement")
      else for (const task of tasks) commit([task])
      return
    }
    try {
      transactions.commit()
    } catch (error) {
      transactions.rollback()
      for (const task of tasks) task.fail(error, "commit")
      return
    }
    for (const answer of answers) answer()
  }

  const flush = (): void => {
    const length = batchLength(waiting)
    const batch = waiting.slice(0, length)
    waiting = waiting.slice(length)
    scheduled = waiting.length > 0
    if (scheduled) later(flush)
    if (batch.length > 0) commit(batch)
  }

  return {
    submit: (task) => {
      if (closed || waiting.length >= WAITING_MAX) return false
      waiting.push(task)
      if (!scheduled) {
        scheduled = true
        later(flush)
      }
      return true
    },
    close: () => {
      closed = true
      while (waiting.length > 0) flush()
    },
  }
}

const batchLength = (tasks: ReadonlyArray<Task>): number => {
  let bytes = 0
  for (const [index, task] of tasks.entries()) {
    bytes += task.bytes
    if (index > 0 && (index === BATCH_MAX || bytes > BATCH_MAX_BYTES)) return index
  }
  return tasks.length
}
