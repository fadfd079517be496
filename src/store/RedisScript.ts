/**
 * The Lua that runs in Redis, one script an operation, so that each is one atomic step at one instant.
 *
 * Every script reads first and writes at most once, as its last command: whatever error a script ends with,
 * it has changed nothing. (PTTL before SET, for example: a user may be allowed the one and not the other.)
 */
import { hash } from "node:crypto"
import type { Condition, Selector } from "../core/Condition.ts"
import { wholeMillis } from "./Expiry.ts"
import type { Expiry } from "./Store.ts"

export interface RedisScript {
  readonly lua: string
  readonly sha: string
}

const make = (lua: string): RedisScript => ({ lua, sha: hash("sha1", lua, "hex") })

/** `[value | nil, ttl]`, an error when it is not a string. */
export const READ = make(`
local value = redis.call('GET', KEYS[1])
return {value, redis.call('PTTL', KEYS[1])}`)

/**
 * `value | nil | 0` (not a string) `| 1` (what is known) and ttl of each key, flat. ARGV, if any: the tag and size
 * that are known of each; '' and '' of one that is to be sent. What has another size is not hashed.
 */
export const READ_MANY = make(`
local replies = {}
for i, key in ipairs(KEYS) do
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    if not string.find(value.err, 'WRONGTYPE', 1, true) then return value end
    value = 0
  elseif value and #value == tonumber(ARGV[2 * i]) and redis.sha1hex(value) == ARGV[2 * i - 1] then
    value = 1
  end
  replies[2 * i - 1] = value
  replies[2 * i] = redis.call('PTTL', key)
end
return replies`)

/** Size (-1: not a string) and ttl (-2: gone) of each key, flat. */
export const DESCRIBE = make(`
local replies = {}
for i, key in ipairs(KEYS) do
  local size = redis.pcall('STRLEN', key)
  if type(size) == 'table' then
    if not string.find(size.err, 'WRONGTYPE', 1, true) then return size end
    size = -1
  end
  replies[2 * i - 1] = size
  replies[2 * i] = redis.call('PTTL', key)
end
return replies`)

/**
 * Decides `core/Condition.ts`'s rule. ARGV from 1: how many tags If-Match has ('' none given, '*' any), the
 * same of If-None-Match, the tags of both. The value is fetched and hashed only when a tag is needed.
 */
const DECIDE = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'string' and kind ~= 'none' then
  return redis.error_reply('WRONGTYPE Operation against a key holding the wrong kind of value')
end
local present, known = kind == 'string', nil
local function tag()
  if present and not known then known = redis.sha1hex(redis.call('GET', KEYS[1])) end
  return present and known
end
local function selects(selector, first)
  if selector == '*' then return present end
  for i = first, first + selector - 1 do
    if ARGV[i] == tag() then return true end
  end
  return false
end
local match, none = ARGV[1], ARGV[2]
if match ~= '' and not selects(match, 3) or none ~= '' and selects(none, 3 + (tonumber(match) or 0)) then
  return {0, tag()}
end
`

/** After the condition: the value, and 'keep', '' or milliseconds. `[1, created, ttl]` or `[0, tag | nil]`. */
export const WRITE = make(`${DECIDE}
local value, expiry = ARGV[#ARGV - 1], ARGV[#ARGV]
if expiry == 'keep' then
  local ttl = present and redis.call('PTTL', KEYS[1]) or -1
  redis.call('SET', KEYS[1], value, 'KEEPTTL')
  return {1, present and 0 or 1, ttl}
elseif expiry == '' then
  redis.call('SET', KEYS[1], value)
  return {1, present and 0 or 1, -1}
end
redis.call('SET', KEYS[1], value, 'PX', expiry)
return {1, present and 0 or 1, tonumber(expiry)}`)

/** `[1, removed]` or `[0, tag | nil]`. DEL also when there is nothing: a replica must say that it cannot. */
export const REMOVE = make(`${DECIDE}
return {1, redis.call('DEL', KEYS[1])}`)

const NO_CONDITION: ReadonlyArray<string> = ["", ""]

export const conditionArguments = (condition: Condition | undefined): ReadonlyArray<string | number> => {
  if (condition === undefined) return NO_CONDITION
  const { ifMatch, ifNoneMatch } = condition
  return [count(ifMatch), count(ifNoneMatch), ...tags(ifMatch), ...tags(ifNoneMatch)]
}

export const expiryArgument = (expiry: Expiry | undefined): string | number => {
  switch (expiry?._tag) {
    case undefined:
    case "Never":
      return ""
    case "Keep":
      return "keep"
    case "After":
      return wholeMillis(expiry.millis)
  }
}

const count = (selector: Selector | undefined): string | number =>
  selector === undefined ? "" : selector === "any" ? "*" : selector.length

const tags = (selector: Selector | undefined): ReadonlyArray<string> =>
  selector === undefined || selector === "any" ? [] : selector
