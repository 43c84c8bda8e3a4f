import { expiring } from './lua-expire.js'
import { nodes } from './lua-nodes.js'
import { publishing } from './lua-publish.js'
import { reading } from './lua-read.js'

/** Changes when the functions or what they keep do; nodes of two versions must not share a Redis. */
const VERSION = 10

/** What every key and channel begins with; the braces put all of them into one hash slot. */
export const PREFIX = 'herald:{all}:'

/** Where is published what concerns a node. */
export const channelOf = (node: string): string => `${PREFIX}to:${node}`

/** The name of one of the functions below. */
export const functionName = (name: string): string => `herald${VERSION}_${name}`

/** Entries that are removed at once, or some more, when their time is over; of one audience so many are looked at together. */
export const REMOVE_AT_ONCE = 200
const LOOK_AT_ONCE = 20

/** So many notifications, or a quarter of its limit where that is less, an audience may have over its limit until they are removed together. */
const MOST_OVER = 20

const common = `
local REMOVE_AT_ONCE = ${REMOVE_AT_ONCE}
local LOOK_AT_ONCE = ${LOOK_AT_ONCE}
local MOST_OVER = ${MOST_OVER}
local P = '${PREFIX}'
local LAYOUT = '${VERSION}'
-- More ids than a server gives out in a ms; and, where its clock was put back, than it can have given out and lost.
local IDS_PER_MS = 100
local JUMP = 1000000
local MOST_HOLES = 20
local run

local function int(n) return string.format('%d', n) end

local function time()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function in_hole(seq, holes)
  for from, to in string.gmatch(holes, '(%d+)-(%d+)') do
    if seq > tonumber(from) and seq < tonumber(to) then return true end
  end
  return false
end

-- Whether a node has heard of more than there is.
local function is_behind(epoch, seq, known, heard) return epoch == known and tonumber(heard) > tonumber(seq) end

-- Where the journal stands, and the nodes that are being removed. A server that was started anew, or has become the master, may lack what was the newest, and so does
-- one that was made to take over what another has, which is seen by what a node has heard, if it says that:
-- the ids go on behind all that a server can have given out by now, and the nodes that were there before say what they have heard. Where there is no journal, one begins, if it is told its name.
local function settle(new_epoch, known, heard)
  if not run then run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
  local epoch, seq, last_run, removing = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq', 'run', 'removing'))
  if not epoch then
    if not new_epoch then return end
    epoch, seq = new_epoch, 0
    redis.call('HSET', P .. 'journal', 'epoch', epoch, 'seq', 0, 'run', run, 'floor', 0, 'lost', 0, 'holes', '', 'layout', LAYOUT)
  elseif last_run ~= run or is_behind(epoch, seq, known, heard) then
    local now, holes, lost, unheard = time(), unpack(redis.call('HMGET', P .. 'journal', 'holes', 'lost', 'unheard'))
    -- What some have not said of the loss before is never known: the newest that any has heard of may not have been the last.
    if unheard and unheard ~= '' and in_hole(tonumber(lost), string.match(holes, '^%S*')) then redis.call('HSET', P .. 'journal', 'lost', int(lost) .. '.5') end
    local newest = known == epoch and math.max(seq, heard) or tonumber(seq)
    local resumed = now * IDS_PER_MS > newest and now * IDS_PER_MS or newest + JUMP
    local newest_holes = { seq .. '-' .. int(resumed) }
    for hole in string.gmatch(holes, '%S+') do
      if #newest_holes < MOST_HOLES then newest_holes[#newest_holes + 1] = hole end
    end
    seq = resumed
    redis.call('HSET', P .. 'journal', 'run', run, 'seq', int(seq), 'holes', table.concat(newest_holes, ' '), 'jumped_at', int(now), 'unheard', table.concat(redis.call('ZRANGE', P .. 'nodes', 0, -1), ','))
  end
  return epoch, tonumber(seq), removing or ''
end

-- Whether a node has not said yet what it has heard of what was lost, and still knows: it has heard of nothing newer.
local function can_tell(node, heard, holes, unheard)
  return unheard and string.find(unheard, node, 1, true) and tonumber(heard) < tonumber(string.match(holes, '%-(%d+)'))
end

-- How many nodes hear it: 1, or 0 where it is gone. Where a connection was cut off without a word there may still be the one before it.
local function send(node, message) return math.min(redis.call('PUBLISH', P .. 'to:' .. node, message), 1) end

local function nodes_of(user)
  local nodes = {}
  for node, count in string.gmatch(redis.call('HGET', P .. 'users', user) or '', '([^=,]+)=(%d+)') do
    nodes[#nodes + 1] = { node, tonumber(count) }
  end
  return nodes
end

local function elsewhere(node)
  local total = 0
  local totals = redis.call('HGETALL', P .. 'totals')
  for i = 1, #totals, 2 do
    if totals[i] ~= node then total = total + totals[i + 1] end
  end
  return total
end
`

const registration = `
local function register(name, callback, flags)
  redis.register_function{ function_name = '${functionName('')}' .. name, callback = callback, flags = flags }
end

register('publish', publish, {})
register('check', check, {})
register('keep_outcome', keep_outcome, { 'allow-oom' })
register('outcome', outcome, { 'no-writes' })
register('survey', survey, { 'allow-oom' })
register('read', read, { 'no-writes' })
register('hello', hello, { 'allow-oom' })
register('presence', presence, { 'allow-oom' })
register('beat', beat, { 'allow-oom' })
register('disconnect', disconnect, { 'allow-oom' })
register('claim', claim, { 'allow-oom' })
register('connect', connect, { 'allow-oom' })
register('census', census, { 'no-writes' })
register('leave', leave, { 'allow-oom' })
register('sweep', sweep, { 'allow-oom' })
`

/**
 * The Redis functions (https://redis.io/docs/latest/develop/programmability/functions-intro/) that every change goes through,
 * each notification all or nothing. They keep, under `PREFIX`:
 *   journal          hash    layout; epoch, seq, run, floor, lost, jumped_at: see `settle`; holes: `<seq>-<seq>`, newest first, between which every id that somebody has is of what was lost; followed_at: see `wait_ms`; what has gone of the broadcasts: see `broadcasts_gone`;
 *                            removing: the nodes that are being removed; unheard: those that have not said yet what they know of what was lost; parted by commas
 *   n:<audience>     zset    the notifications for a user, or '' for everybody, by their seqs: see `parse`
 *   without:<user>   zset    seqs of the broadcasts that leave him out
 *   gone             zset    users by the highest seq of what has gone of theirs
 *   oldest           zset    audience → when its oldest was published or, when nothing is left, since when that is so, in ms
 *   expiry           zset    `<seq>:<audience>` of what has a time of its own, by when that ends, in ms
 *   k:<key>          string  the outcome of the call with an idempotency key
 *   nodes            zset    node → when it was last heard, in ms
 *   sessions         hash    node → the number of its newest `hello`: what it has sent before that, on another connection, may come later
 *   totals           hash    node → its open sockets
 *   users            hash    user → where his sockets are: `<node>=<count>,…`
 *   of:<node>        hash    user → his sockets there
 *   claims:<user>    zset    claims to sockets of his that are being opened, by when they end, in ms
 *   disconnects      zset    users whose sockets were all to be closed, by when, in ms: for nodes that did not hear of it
 *   connects:<addr>  string  when the next socket from there would be due, if they came evenly: see `ConnectRate`
 *   overlap          string  how many nodes too many are counted where users are counted by node
 * and publish on one channel for each node, `to:<node>`.
 */
export const library = [`#!lua name=herald${VERSION}`, common, expiring, publishing, nodes, reading, registration].join('\n')
