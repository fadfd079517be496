/** What takes part in the benchmark of the core can do: the least that all of them have in common. */
type Awaitable<A> = A | Promise<A>

/** Takes part in a benchmark; its values are of type `A`. */
export interface Contestant<A> {
  /** Whether its operations are promises that have to be awaited, one by one. */
  readonly awaited: boolean
  /** Whether the key is there; counts as a use of it. */
  readonly get: (key: string) => Awaitable<boolean>
  /** Puts a value in place of the one that has the key. */
  readonly replace: (key: string, value: A) => Awaitable<void>
  /** Looks for the key, in vain as a rule, and takes the value in; somebody leaves if it is full. */
  readonly admit: (key: string, value: A) => Awaitable<void>
  /** Differs from before when a use made a difference; `undefined` where that cannot be seen. */
  readonly version: () => unknown
}

/** What `get` and `set` make, when they are synchronous. */
export const direct = <A>(
  get: (key: string) => boolean,
  set: (key: string, value: A) => void,
): Contestant<A> => ({
  awaited: false,
  get,
  replace: set,
  admit: (key, value) => {
    if (!get(key)) set(key, value)
  },
  version: () => undefined,
})

/** What `get` and `set` make, when they are promises. */
export const awaited = <A>(
  get: (key: string) => Promise<boolean>,
  set: (key: string, value: A) => Promise<unknown>,
): Contestant<A> => ({
  awaited: true,
  get,
  replace: async (key, value) => {
    await set(key, value)
  },
  admit: async (key, value) => {
    if (!(await get(key))) await set(key, value)
  },
  version: () => undefined,
})
