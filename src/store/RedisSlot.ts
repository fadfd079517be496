/**
 * The slot of a key, as a cluster computes it: CRC16 (XMODEM) of what stands between the first `{` and the
 * next `}`, or of the whole key when that is nothing, modulo 16384. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 */
import { Buffer } from "node:buffer"

export const SLOTS = 16_384

const POLYNOMIAL = 0x1021

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL
  return crc
})

export const of = (key: string | Buffer): number => {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key)
  const open = bytes.indexOf("{")
  const close = open < 0 ? -1 : bytes.indexOf("}", open + 1)
  return (close > open + 1 ? crc16(bytes, open + 1, close) : crc16(bytes, 0, bytes.length)) % SLOTS
}

const crc16 = (bytes: Buffer, from: number, to: number): number => {
  let crc = 0
  for (let at = from; at < to; at++) {
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ (bytes[at] ?? 0)] ?? 0)
  }
  return crc
}
