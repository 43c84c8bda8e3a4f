/** What is kept, and what goes: see `library.ts`. */
export const publishing = `
-- What is kept of a notification: when it was published, when it ends if that is before its time, whom it leaves out; and its frame.
local function parse(entry)
  local at, ends, excluded, frame = string.match(entry, '^([^\\t]*)\\t([^\\t]*)\\t([^\\n]*)\\n()')
  return tonumber(at), tonumber(ends), excluded, frame
end

-- Up to where broadcasts have gone, whom that one had left out, and up to where those have that had not left him out: see gone.ts.
local function broadcasts_gone()
  local seq, excluded, others = unpack(redis.call('HMGET', P .. 'journal', 'gone', 'gone_without', 'gone_others'))
  return tonumber(seq or 0), excluded or '', tonumber(others or 0)
end

local function gone_for(audience, user)
  if audience ~= '' then return tonumber(redis.call('ZSCORE', P .. 'gone', audience) or 0) end
  local seq, excluded, others = broadcasts_gone()
  if excluded ~= '' and excluded == user then return others end
  return seq
end

local function has_gone(user, after)
  if after < tonumber(redis.call('HGET', P .. 'journal', 'floor') or 0) then return true end
  return gone_for('', user) > after or (user ~= '' and gone_for(user, user) > after)
end

-- Entries of an audience, each with its seq, in order, are not kept any more.
local function note_gone(audience, entries)
  local seq, excluded, others = 0, '', 0
  if audience == '' then seq, excluded, others = broadcasts_gone() end
  for i = 1, #entries, 2 do
    local _, ends, without = parse(entries[i])
    local gone = tonumber(entries[i + 1])
    if ends then redis.call('ZREM', P .. 'expiry', entries[i + 1] .. ':' .. audience) end
    if without ~= '' then redis.call('ZREM', P .. 'without:' .. without, entries[i + 1]) end
    if gone <= seq then
      if without ~= excluded then others = math.max(others, gone) end
    else
      if without ~= excluded then others = seq end
      seq, excluded = gone, without
    end
  end
  if audience ~= '' then redis.call('ZADD', P .. 'gone', 'GT', int(seq), audience)
  else redis.call('HSET', P .. 'journal', 'gone', int(seq), 'gone_without', excluded, 'gone_others', int(others)) end
end

-- Of an audience of which nothing was left for so long, only that nothing before its last is known need be known.
local function forget(audience)
  local gone = audience == '' and broadcasts_gone() or gone_for(audience, audience)
  local floor = tonumber(redis.call('HGET', P .. 'journal', 'floor') or 0)
  if gone > floor then redis.call('HSET', P .. 'journal', 'floor', int(gone)) end
  if audience == '' then redis.call('HDEL', P .. 'journal', 'gone', 'gone_without', 'gone_others')
  else redis.call('ZREM', P .. 'gone', audience) end
end

-- Looks at an audience again when the time of its oldest is over; when nothing is left, to forget it.
local function look_again(audience, now)
  local oldest = redis.call('ZRANGE', P .. 'n:' .. audience, 0, 0)[1]
  redis.call('ZADD', P .. 'oldest', int(oldest and parse(oldest) or now), audience)
end

-- Removes the oldest of an audience whose time is over: how many; so many or more: there may be more.
local function expire_oldest(audience, now, retention, most)
  local key, removed, count, oldest = P .. 'n:' .. audience, 0
  repeat
    oldest, count = redis.call('ZRANGE', key, 0, LOOK_AT_ONCE - 1), 0
    while oldest[count + 1] and parse(oldest[count + 1]) + retention <= now do count = count + 1 end
    if count > 0 then note_gone(audience, redis.call('ZPOPMIN', key, count)) end
    removed = removed + count
  until count < LOOK_AT_ONCE or removed >= most
  if removed > 0 or #oldest > 0 then
    look_again(audience, now)
  else
    forget(audience)
    redis.call('ZREM', P .. 'oldest', audience)
  end
  return removed
end

-- Removes a notification that has ended before its time.
local function expire_one(audience, seq, now)
  local key = P .. 'n:' .. audience
  redis.call('ZREM', P .. 'expiry', seq .. ':' .. audience)
  local entry = redis.call('ZRANGEBYSCORE', key, seq, seq)[1]
  if not entry then return end
  redis.call('ZREM', key, entry)
  note_gone(audience, { entry, seq })
  if redis.call('EXISTS', key) == 0 then look_again(audience, now) end
end

-- Removes some of what has ended; REMOVE_AT_ONCE or more: there may be more.
local function expire(now, retention)
  local due = redis.call('ZRANGEBYSCORE', P .. 'expiry', '-inf', int(now), 'LIMIT', 0, REMOVE_AT_ONCE)
  for _, entry in ipairs(due) do
    local seq, audience = string.match(entry, '^(%d+):(.*)$')
    expire_one(audience, seq, now)
  end
  local done = #due
  for _, audience in ipairs(redis.call('ZRANGEBYSCORE', P .. 'oldest', '-inf', int(now - retention), 'LIMIT', 0, REMOVE_AT_ONCE - done)) do
    if done >= REMOVE_AT_ONCE then break end
    done = done + math.max(expire_oldest(audience, now, retention, REMOVE_AT_ONCE - done), 1)
  end
  return done
end

-- The head of an unmasked, unfragmented text frame (RFC 6455 section 5.2).
local function frame_head(n)
  if n < 126 then return string.char(0x81, n) end
  if n < 65536 then return struct.pack('>BBI2', 0x81, 126, n) end
  return struct.pack('>BBI8', 0x81, 127, n)
end

-- What is answered where an earlier call had this key.
local function repeated(key, fingerprint, now)
  local kept = redis.call('GET', P .. 'k:' .. key)
  local first = kept and cjson.decode(kept)
  if not first or first.till <= now then return false end
  if first.fingerprint ~= fingerprint then return { 'mismatch' } end
  return { 'repeated', first.id }
end

-- Redis's time after which nobody waits for it, node, new epoch, now, retention, limits of a user and of broadcasts, how long keys are kept;
-- then of each notification: call, audience, excluded, when it ends if before its time, tail, key, fingerprint, traceparent.
-- For each what came of it: its id (or why it is not kept), how many nodes hear it, and how many users are counted there once too often. None: it is too late.
local function publish(keys, args)
  if time() > tonumber(args[1]) then return {} end
  local node, at, now, retention, keep = args[2], args[4], tonumber(args[4]), tonumber(args[5]), tonumber(args[8])
  local of_user, of_all = tonumber(args[6]), tonumber(args[7])
  local count = #args / 8 - 1
  local epoch, seq = settle(args[3])
  local last = seq + count
  redis.call('HSET', P .. 'journal', 'seq', int(last))
  local audiences = {}
  for i = 1, count do audiences[i] = args[8 * i + 2] end
  local users = redis.call('HMGET', P .. 'users', unpack(audiences))
  local outcomes, reached, messages, swept = {}, {}, {}, false
  -- Without those that are being removed: such a node must not hear of some users and miss others, as it goes on behind the last that it heard.
  local everybody, there_are = redis.call('ZRANGEBYSCORE', P .. 'nodes', '(0', '+inf'), {}
  for _, name in ipairs(everybody) do there_are[name] = true end

  for i = 1, count do
    local call, audience, excluded, ends, tail, key, fingerprint, traceparent = unpack(args, 8 * i + 1, 8 * i + 8)
    local next = int(seq + 1)
    local id = epoch .. '-' .. next
    local text = '{"type":"notification","id":"' .. id .. '",' .. tail
    local frame = frame_head(#text) .. text
    local kept = P .. 'n:' .. audience
    outcomes[i] = key ~= '' and repeated(key, fingerprint, now)
    local added = not outcomes[i] and redis.pcall('ZADD', kept, next, at .. '\\t' .. ends .. '\\t' .. excluded .. '\\n' .. frame)
    if added and added ~= 1 then
      outcomes[i] = { 'failed', added.err }
    elseif added then
      seq = seq + 1
      if key ~= '' then redis.call('SET', P .. 'k:' .. key, cjson.encode({ fingerprint = fingerprint, till = now + keep, id = id }), 'PX', int(keep)) end
      if ends ~= '' then redis.call('ZADD', P .. 'expiry', ends, next .. ':' .. audience) end
      if excluded ~= '' then redis.call('ZADD', P .. 'without:' .. excluded, next, next) end

      local there, limit = redis.call('ZCARD', kept), audience == '' and of_all or of_user
      if there == 1 then redis.call('ZADD', P .. 'oldest', at, audience) end
      if there > limit and not swept then -- What has expired goes first, so that it does not crowd out what has not.
        expire(now, retention)
        there, swept = redis.call('ZCARD', kept), true
      end
      if there > limit then note_gone(audience, redis.call('ZPOPMIN', kept, math.min(there - limit, REMOVE_AT_ONCE))) end

      local nodes, overlap = {}, 0
      if audience == '' then
        nodes, overlap = everybody, tonumber(redis.call('GET', P .. 'overlap') or 0)
        if excluded ~= '' then overlap = overlap - math.max(#nodes_of(excluded) - 1, 0) end
      else
        for name in string.gmatch(users[i] or '', '([^=,]+)=') do
          if there_are[name] then nodes[#nodes + 1] = name end
        end
      end
      local message = table.concat({ epoch, next, node, call, audience, excluded, traceparent, #frame }, '\\t') .. '\\n' .. frame
      for _, name in ipairs(nodes) do
        messages[name] = messages[name] or {}
        table.insert(messages[name], message)
      end
      reached[i] = nodes
      outcomes[i] = { 'published', id, 0, overlap }
    end
  end

  if seq < last then redis.call('HSET', P .. 'journal', 'seq', int(seq)) end
  local heard = {}
  for name, of_node in pairs(messages) do heard[name] = redis.call('PUBLISH', P .. 'to:' .. name, table.concat(of_node)) end
  for i, nodes in pairs(reached) do
    for _, name in ipairs(nodes) do outcomes[i][3] = outcomes[i][3] + heard[name] end
  end
  return outcomes
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

-- Fails where nothing can be kept.
local function check() redis.call('HSET', P .. 'journal', 'checked', 1) end
`
