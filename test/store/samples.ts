/** Values for tests. */
const encoder = new TextEncoder()

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Not one byte repeated: a shift would show. */
export const mebibyte: Uint8Array = Uint8Array.from(
  { length: 1024 * 1024 },
  (_, index) => (index * 31 + (index >> 8)) & 0xff,
)
