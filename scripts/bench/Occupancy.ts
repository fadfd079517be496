/**
 * What an entry of ours costs in memory beyond the characters of its key and the bytes of its value, part by
 * part: in a process of its own, so that what it occupies is what they occupy. Prints JSON.
 *
 * Entries are measured by what the process grows, since V8 does not count all of an `ArrayBuffer`; the rest
 * by what V8 counts as alive, since what the process grows by is mostly garbage of the transitions.
 */
import * as CoreContestants from "./CoreContestants.ts"
import * as Workload from "./Workload.ts"

const SIZE = 200_000
const POINTER_BYTES = 8

/** An array of them, and what each occupies beyond its place in it. */
const filled = <A>(of: (index: number) => A): readonly [Array<A>, Workload.Bytes] => {
  const before = Workload.alive()
  const array = Array.from({ length: SIZE }, (_, index) => of(index))
  const { counted, resident } = Workload.since(before, SIZE)
  return [array, { counted: counted - POINTER_BYTES, resident: resident - POINTER_BYTES }]
}

const [keys, key] = filled(Workload.keyOf)
const [entries, entry] = filled((index) => Workload.entryAt(keys[index] ?? "", index))
const others = keys.map((_, index) => Workload.newEntry(Workload.keyOf(SIZE + index)))
const self = CoreContestants.ours(SIZE)
const admit = (some: typeof entries) => {
  const before = Workload.alive()
  for (const one of some) self.admit(one)
  return Workload.since(before, SIZE).counted
}

const parts = {
  key: key.counted - Workload.KEY_LENGTH,
  entry: entry.resident - Workload.VALUE_BYTES,
  /** Residents, queues and deadlines. */
  structure: admit(entries),
  /** When as many others have passed through, and the policy remembers some of those that left. */
  remembered: admit(others),
}
// Everything measured must have lived until here.
if (self.size() !== SIZE || entries.length + others.length !== 2 * SIZE) throw new Error("lost entries")
const overhead = parts.key + parts.entry + parts.structure + parts.remembered
console.log(JSON.stringify({ entries: SIZE, valueBytes: Workload.VALUE_BYTES, ...parts, overhead }))
