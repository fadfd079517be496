/**
 * Without tokens only this machine is served. Listening on loopback is not enough for that: a page on any site can
 * have the browser of this machine send requests here, under a name that its owner lets point to 127.0.0.1 (DNS
 * rebinding: the browser then takes us for the page's own server), or from its own origin. `Host` tells the first,
 * `Origin` the second.
 */
import * as Problems from "./api/Problems.ts"

const HOST = String.raw`(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?`

const LOCAL_HOST = new RegExp(`^${HOST}$`, "i")
const LOCAL_ORIGIN = new RegExp(`^https?://${HOST}$`, "i")

const foreign = (parameter: "Host" | "Origin", detail: string) =>
  new Problems.ForeignRequest({ parameter, detail })

/** Why a request is not of this machine. `mayCross`: whether an origin was allowed by name. */
export const fault = (
  host: string | undefined,
  origin: string | undefined,
  mayCross: (origin: string) => boolean,
): Problems.ForeignRequest | undefined => {
  if (host !== undefined && !LOCAL_HOST.test(host)) {
    return foreign("Host", "Host must be localhost, 127.0.0.1 or [::1] while the server has no tokens")
  }
  if (origin !== undefined && !LOCAL_ORIGIN.test(origin) && !mayCross(origin)) {
    return foreign("Origin", "the page's origin is neither this machine nor one of CORS_ORIGINS")
  }
  return undefined
}
