/** Finds a server to test against, and installs one where that is a matter of one command. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

/** The path of a Redis or Valkey server. Throws one sentence when there is none. */
export const find = (): string => {
  const named = process.env["REDIS_SERVER_BIN"]
  if (named !== undefined && named !== "") {
    if (existsSync(named)) return named
    throw new Error(`REDIS_SERVER_BIN names no file: received ${named}`)
  }
  return onPath() ?? installed() ?? missing()
}

const onPath = (): string | undefined =>
  ["redis-server", "valkey-server"]
    .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, name)))
    .find((path) => existsSync(path))

/**
 * Test workers run at the same time: `flock` lets one install and the others find what it did. The policy
 * file tells Debian's packages not to start what they install.
 */
const INSTALL = `
command -v redis-server >/dev/null && exit 0
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server
if command -v systemctl >/dev/null; then systemctl disable redis-server; fi`

const installed = (): string | undefined => {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return undefined
  const lock = join(tmpdir(), "cache-mechanism-redis.lock")
  spawnSync("flock", [lock, "sh", "-c", INSTALL], { stdio: "ignore" })
  return onPath()
}

const missing = (): never => {
  throw new Error(
    "the tests need a Redis server: `brew install redis`, `apt-get install redis-server`, or in a container, " +
      "where they install it themselves: `docker run --rm -v .:/app -w /app node:24 npm test`",
  )
}
