/** A queue of the plain reference: keys in the order of their turns, and what they weigh. */

/** `weight` is `undefined` when nobody has the place. */
export interface Place {
  uses: number
  weight: number | undefined
}

export class ReferenceLine {
  /** Residents, and what they weigh together. */
  count = 0
  bytes = 0
  private readonly order: Array<string> = []
  private first = 0
  private readonly places = new Map<string, Place>()

  /** Places, those that nobody has included. */
  get size(): number {
    return this.order.length - this.first
  }

  /** Keys with their places, oldest first. */
  *[Symbol.iterator](): Generator<readonly [string, Place]> {
    for (const key of this.order.slice(this.first)) yield [key, this.at(key)]
  }

  place(key: string): Place | undefined {
    return this.places.get(key)
  }

  get oldest(): Place | undefined {
    return this.size === 0 ? undefined : this.at(this.order[this.first] ?? "")
  }

  push(key: string, place: Place): void {
    this.order.push(key)
    this.places.set(key, place)
    if (place.weight !== undefined) this.count++
    this.bytes += place.weight ?? 0
  }

  pop(): readonly [string, Place] {
    const key = this.order[this.first++] ?? ""
    const place = this.at(key)
    this.places.delete(key)
    if (place.weight !== undefined) this.count--
    this.bytes -= place.weight ?? 0
    return [key, place]
  }

  /** A key comes to its place, leaves it, or weighs otherwise. */
  weigh(key: string, weight: number | undefined): void {
    const place = this.at(key)
    this.count += (weight === undefined ? 0 : 1) - (place.weight === undefined ? 0 : 1)
    this.bytes += (weight ?? 0) - (place.weight ?? 0)
    place.weight = weight
  }

  private at(key: string): Place {
    const place = this.places.get(key)
    if (place === undefined) throw new Error(`no place of ${key}`)
    return place
  }
}
