/** What is kept, and what goes: see `library.ts`. */
export const publishing = `
local function gone_of(audience)
  local kept = redis.call('HGET', P .. 'gone', audience)
  return kept and cjson.decode(kept) or { seq = 0, excluded = '', others = 0, forget = 0 }
end

local function keep_gone(audience, gone)
  redis.call('HSET', P .. 'gone', audience, cjson.encode(gone))
end

local function add_gone(gone, seq, excluded)
  if seq <= gone.seq then
    if excluded ~= gone.excluded then gone.others = math.max(gone.others, seq) end
  else
    if excluded ~= gone.excluded then gone.others = gone.seq end
    gone.seq, gone.excluded = seq, excluded
  end
end

local function gone_for(audience, user)
  local gone = gone_of(audience)
  if gone.excluded ~= '' and gone.excluded == user then return gone.others end
  return gone.seq
end

local function has_gone(user, after)
  if after < tonumber(redis.call('HGET', P .. 'journal', 'floor') or 0) then return true end
  return gone_for('', user) > after or (user ~= '' and gone_for(user, user) > after)
end

local function seq_of(entry) return tonumber(string.match(entry[1], '^%d+')) end

local function remove(audience, entry, now, retention)
  local seq = seq_of(entry)
  local key = P .. 'n:' .. audience
  redis.call('XDEL', key, entry[1])
  redis.call('ZREM', P .. 'i:' .. audience, int(seq))
  if entry[2][4] ~= '' then redis.call('ZREM', P .. 'without:' .. entry[2][4], int(seq)) end
  redis.call('ZREM', P .. 'expiry', 'n:' .. int(seq) .. ':' .. audience)
  local gone = gone_of(audience)
  add_gone(gone, seq, entry[2][4])
  if redis.call('XLEN', key) == 0 then
    redis.call('DEL', key)
    gone.forget = now + retention
    redis.call('ZADD', P .. 'expiry', int(gone.forget), 'a:' .. audience)
  end
  keep_gone(audience, gone)
end

local function forget(audience, at)
  local gone = gone_of(audience)
  if gone.forget ~= at or redis.call('EXISTS', P .. 'n:' .. audience) == 1 then return end
  local floor = tonumber(redis.call('HGET', P .. 'journal', 'floor') or 0)
  if gone.seq > floor then redis.call('HSET', P .. 'journal', 'floor', int(gone.seq)) end
  redis.call('HDEL', P .. 'gone', audience)
end

local function expire(now, retention)
  local due = redis.call('ZRANGEBYSCORE', P .. 'expiry', '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, REMOVE_AT_ONCE)
  for i = 1, #due, 2 do
    redis.call('ZREM', P .. 'expiry', due[i])
    local seq, audience = string.match(due[i], '^n:(%d+):(.*)$')
    if seq then
      local entry = redis.call('XRANGE', P .. 'n:' .. audience, seq, seq)[1]
      if entry then remove(audience, entry, now, retention) end
    else
      forget(string.sub(due[i], 3), tonumber(due[i + 1]))
    end
  end
  return #due / 2
end

-- What has expired goes first, so that it does not crowd out what has not.
local function trim(audience, limit, now, retention)
  if redis.call('XLEN', P .. 'n:' .. audience) <= limit then return end
  expire(now, retention)
  local excess = math.min(redis.call('XLEN', P .. 'n:' .. audience) - limit, REMOVE_AT_ONCE)
  if excess <= 0 then return end
  for _, entry in ipairs(redis.call('XRANGE', P .. 'n:' .. audience, '-', '+', 'COUNT', excess)) do
    remove(audience, entry, now, retention)
  end
end

-- An unmasked, unfragmented text frame (RFC 6455 section 5.2).
local function text_frame(text)
  local n = #text
  if n < 126 then return string.char(0x81, n) .. text end
  if n < 65536 then return string.char(0x81, 126) .. struct.pack('>I2', n) .. text end
  return string.char(0x81, 127) .. struct.pack('>I8', n) .. text
end

-- Hands a notification to the nodes that it concerns: how many hear it, and how many users are counted there once too often.
local function hand_over(audience, excluded, message)
  local receivers = 0
  if audience ~= '' then
    for _, node in ipairs(nodes_of(audience)) do receivers = receivers + redis.call('PUBLISH', P .. 'to:' .. node[1], message) end
    return receivers, 0
  end
  for _, node in ipairs(redis.call('ZRANGE', P .. 'nodes', 0, -1)) do receivers = receivers + redis.call('PUBLISH', P .. 'to:' .. node, message) end
  local overlap = tonumber(redis.call('GET', P .. 'overlap') or 0)
  if excluded ~= '' then overlap = overlap - math.max(#nodes_of(excluded) - 1, 0) end
  return receivers, overlap
end

-- Redis's time after which nobody waits for it, node, call, new epoch, now, retention, audience, excluded, when it ends, limit, tail, key, fingerprint, how long the key is kept; traceparent, if it is traced
local function publish(keys, args)
  if time() > tonumber(args[1]) then return { 'late' } end
  local node, call, new_epoch, now, retention = args[2], args[3], args[4], tonumber(args[5]), tonumber(args[6])
  local audience, excluded, ends, limit, tail = args[7], args[8], args[9], tonumber(args[10]), args[11]
  local key, fingerprint, keep = args[12], args[13], tonumber(args[14])
  local epoch = settle(new_epoch)
  if key ~= '' then
    local kept = redis.call('GET', P .. 'k:' .. key)
    local first = kept and cjson.decode(kept)
    if first and first.till > now then
      if first.fingerprint ~= fingerprint then return { 'mismatch' } end
      return { 'repeated', first.id }
    end
  end
  local seq = int(redis.call('HINCRBY', P .. 'journal', 'seq', 1))
  local id = epoch .. '-' .. seq
  local frame = text_frame('{"type":"notification","id":"' .. id .. '",' .. tail)
  redis.call('XADD', P .. 'n:' .. audience, seq .. '-0', 'e', ends, 'x', excluded, 'f', frame)
  redis.call('ZADD', P .. 'i:' .. audience, seq, seq)
  if excluded ~= '' then redis.call('ZADD', P .. 'without:' .. excluded, seq, seq) end
  redis.call('ZADD', P .. 'expiry', ends, 'n:' .. seq .. ':' .. audience)
  trim(audience, limit, now, retention)
  if key ~= '' then
    redis.call('SET', P .. 'k:' .. key, cjson.encode({ fingerprint = fingerprint, till = now + keep, id = id }), 'PX', int(keep))
  end
  local receivers, overlap = hand_over(audience, excluded, table.concat({ epoch, seq, node, call, audience, excluded, args[15] }, '\\t') .. '\\n' .. frame)
  return { 'published', id, receivers, overlap }
end

-- key, connections, users: what came of the call with this key
local function keep_outcome(keys, args)
  local kept = redis.call('GET', P .. 'k:' .. args[1])
  if not kept then return end
  local outcome = cjson.decode(kept)
  outcome.connections, outcome.users = tonumber(args[2]), tonumber(args[3])
  redis.call('SET', P .. 'k:' .. args[1], cjson.encode(outcome), 'KEEPTTL')
end

-- key
local function outcome(keys, args)
  local kept = redis.call('GET', P .. 'k:' .. args[1])
  local first = kept and cjson.decode(kept)
  if not first then return { 0, 0 } end
  if not first.connections then return {} end
  return { first.connections, first.users }
end

local function expire_some(keys, args) return expire(tonumber(args[1]), tonumber(args[2])) end

-- Fails where nothing can be kept.
local function check() redis.call('HSET', P .. 'journal', 'checked', 1) end
`
