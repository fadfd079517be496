/** CLOCK_MONOTONIC in whole microseconds: one time for all threads and processes of a machine. */
const NANOS_PER_MICRO = 1_000n

export const MICROS_PER_MILLI = 1_000

export const micros = (): number => Number(process.hrtime.bigint() / NANOS_PER_MICRO)
