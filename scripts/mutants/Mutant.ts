/** One wrong change to a file of `src`, and the tests that must notice. */
export interface Mutant {
  /** Under `src`. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The rule that does not hold any more. */
  readonly breaks: string
  /** What the paths of the tests contain that must fail. */
  readonly tests: ReadonlyArray<string>
  /** How the titles of these tests begin; all of them, if it is not given. */
  readonly title?: string
}

/** Those of one file. */
export const inFile =
  (file: string, ...tests: ReadonlyArray<string>) =>
  (breaks: string, find: string, replace: string): Mutant => ({ file, find, replace, breaks, tests })
