import { BURST_MS } from '../../connections/connect-rate.js'

/** Which nodes there are, and whose sockets: see `library.ts`. */
export const nodes = `
local SILENT_MS = 10000
local DROP_AT_ONCE = 500
local BURST_MS = ${BURST_MS}
-- Longer than a node waits for an answer, and then takes to tell of the socket.
local CLAIM_MS = 5000
-- For so long a node may be away and be told of the sockets that it should close, of the latest so many users.
local DISCONNECTS_MS = 86400000
local MOST_DISCONNECTS = 10000
-- When the first node of a journal that was lost has come to another, all that come wait until so much later: each has told of its users by then.
local TELL_MS = 2000

local function set_count(node, user, count)
  local key = P .. 'of:' .. node
  local parts = {}
  local before = nodes_of(user)
  for _, at in ipairs(before) do
    if at[1] ~= node then parts[#parts + 1] = at[1] .. '=' .. int(at[2]) end
  end
  if count > 0 then
    parts[#parts + 1] = node .. '=' .. int(count)
    redis.call('HSET', key, user, count)
  else
    redis.call('HDEL', key, user)
  end
  if #parts > 0 then redis.call('HSET', P .. 'users', user, table.concat(parts, ','))
  else redis.call('HDEL', P .. 'users', user) end
  local more = math.max(#parts - 1, 0) - math.max(#before - 1, 0)
  if more ~= 0 then redis.call('INCRBY', P .. 'overlap', more) end
end

-- Where a publish finds it: those that are being removed are few, and mostly none.
local function note_removing()
  redis.call('HSET', P .. 'journal', 'removing', table.concat(redis.call('ZRANGEBYSCORE', P .. 'nodes', 0, 0), ','))
end

-- Removes what is kept of a node, in parts: how many users are left.
local function drop(node)
  redis.call('HDEL', P .. 'totals', node)
  redis.call('ZADD', P .. 'nodes', 0, node)
  for _, user in ipairs(redis.call('HRANDFIELD', P .. 'of:' .. node, DROP_AT_ONCE)) do set_count(node, user, 0) end
  local left = redis.call('HLEN', P .. 'of:' .. node)
  if left == 0 then
    redis.call('ZREM', P .. 'nodes', node)
    redis.call('HDEL', P .. 'sessions', node)
  end
  note_removing()
  return left
end

-- Of a node that is being removed nothing counts.
local function is_known(node)
  local heard = redis.call('ZSCORE', P .. 'nodes', node)
  return heard and tonumber(heard) > 0
end

-- For how long a node waits that comes now. Where it comes from a journal that was lost, and is the first for a while, the time begins with it.
local function wait_ms(from_lost)
  local now, since = time(), tonumber(redis.call('HGET', P .. 'journal', 'followed_at') or 0)
  if from_lost and math.abs(now - since) > SILENT_MS then
    since = now
    redis.call('HSET', P .. 'journal', 'followed_at', int(now))
  end
  local left = since + TELL_MS - now
  return left > 0 and left <= TELL_MS and left or 0
end

-- node, new epoch, epoch and seq of the newest that it has heard, when it was last here, in ms, or 0, and the number of this session. What was kept of its users stands until it tells of them
-- anew. It is told where the journal stands, and the time; the users whose sockets it should have closed since it was here, each with when that was; for how
-- long, in ms, it waits, and says this again; the open sockets of the others; the users who are counted there, where some may have left since the file was written.
local function hello(keys, args)
  local node, new_epoch, epoch, heard, heard_at, session = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5]), tonumber(args[6])
  local kept, layout = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'layout'))
  if kept and layout ~= LAYOUT then return redis.error_reply('ERR its layout is ' .. (layout or 'an older one') .. ', and this version reads ' .. LAYOUT) end
  local current, seq = settle(new_epoch, epoch, heard)
  local holes, lost, unheard = unpack(redis.call('HMGET', P .. 'journal', 'holes', 'lost', 'unheard'))
  if epoch == current and heard > tonumber(lost) and in_hole(heard, holes) then
    redis.call('HSET', P .. 'journal', 'lost', int(heard))
  end
  if can_tell(node, heard, holes, unheard) then redis.call('HSET', P .. 'journal', 'unheard', (string.gsub(unheard, node .. ',?', ''))) end
  local now = time()
  redis.call('ZADD', P .. 'nodes', int(now), node)
  redis.call('HSET', P .. 'sessions', node, int(math.max(session, tonumber(redis.call('HGET', P .. 'sessions', node) or 0))))
  note_removing()
  local missed = heard_at > 0 and redis.call('ZRANGEBYSCORE', P .. 'disconnects', int(heard_at - SILENT_MS), '+inf', 'WITHSCORES') or {}
  return { current, int(seq), int(now), missed, wait_ms(epoch ~= '' and epoch ~= current), elsewhere(node), redis.call('HKEYS', P .. 'of:' .. node) }
end

-- node, its session, its open sockets, then users, their open sockets there and which of their claims end with that; 0: the node is not known, or is in a later session
local function presence(keys, args)
  local node = args[1]
  if not is_known(node) or redis.call('HGET', P .. 'sessions', node) ~= args[2] then return 0 end
  redis.call('HSET', P .. 'totals', node, args[3])
  for i = 4, #args, 3 do
    set_count(node, args[i], tonumber(args[i + 1]))
    for claimed in string.gmatch(args[i + 2], '%S+') do redis.call('ZREM', P .. 'claims:' .. args[i], claimed) end
  end
  return 1
end

-- node, what it sends to itself, with the id that is the newest by then, epoch and seq of the newest that it has heard: Redis's time, or 0: the node, or what it has heard, is not known, and it is to say hello
local function beat(keys, args)
  local node, now = args[1], time()
  local epoch, seq = settle()
  local holes, unheard = unpack(redis.call('HMGET', P .. 'journal', 'holes', 'unheard'))
  if epoch ~= args[3] or is_behind(epoch, seq, args[3], args[4]) or can_tell(node, args[4], holes, unheard) or not is_known(node) then return '0' end
  redis.call('ZADD', P .. 'nodes', int(now), node)
  redis.call('PUBLISH', P .. 'to:' .. node, args[2] .. ' ' .. epoch .. '-' .. int(seq))
  return int(now)
end

-- now, retention, node: removes some of what has ended, and of other nodes that are silent; REMOVE_AT_ONCE or more: there may be more
local function sweep(keys, args)
  local removed, now = expire(tonumber(args[1]), tonumber(args[2])), time()
  -- The clock was put back: who is there says so soon, and who is not would count until then.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', P .. 'nodes', '(' .. int(now), '+inf')) do redis.call('ZADD', P .. 'nodes', int(now), ahead) end
  for _, silent in ipairs(redis.call('ZRANGEBYSCORE', P .. 'nodes', '-inf', int(now - SILENT_MS))) do
    if silent ~= args[3] and drop(silent) > 0 then removed = math.max(removed, REMOVE_AT_ONCE) end
  end
  return removed
end

-- a node, what it says, and whose sockets are to be closed by it: how many other nodes hear it. All that there are, as one may have sockets that it has not told of
-- yet; those that are away are told when they are back.
local function disconnect(keys, args)
  local heard, now = 0, time()
  redis.call('ZREMRANGEBYSCORE', P .. 'disconnects', '-inf', int(now - DISCONNECTS_MS))
  redis.call('ZADD', P .. 'disconnects', int(now), args[3])
  redis.call('ZREMRANGEBYRANK', P .. 'disconnects', 0, -MOST_DISCONNECTS - 1)
  redis.call('PEXPIRE', P .. 'disconnects', DISCONNECTS_MS)
  for _, node in ipairs(redis.call('ZRANGE', P .. 'nodes', 0, -1)) do
    if node ~= args[1] then heard = heard + send(node, args[2]) end
  end
  return heard
end

-- user, his limit, a claim, or '': none is made: whether he may open one more socket
local function claim(keys, args)
  local key, now, taken = P .. 'claims:' .. args[1], time(), 0
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
  for _, node in ipairs(nodes_of(args[1])) do
    if is_known(node[1]) then taken = taken + node[2] end
  end
  if taken + redis.call('ZCARD', key) >= tonumber(args[2]) then return 0 end
  if args[3] ~= '' then
    redis.call('ZADD', key, int(now + CLAIM_MS), args[3])
    redis.call('PEXPIRE', key, CLAIM_MS)
  end
  return 1
end

-- an address, its sockets a second, 1: it opens one: whether it may (see ConnectRate)
local function connect(keys, args)
  local key, step, now = P .. 'connects:' .. args[1], 1000 / args[2], time()
  local due = math.max(tonumber(redis.call('GET', key) or now), now)
  if due > now + BURST_MS + step then due = now end -- The clock was put back.
  if due - now >= BURST_MS - step / 2 then return 0 end
  if args[3] == '1' then redis.call('SET', key, string.format('%.3f', due + step), 'PX', int(math.max(math.ceil(due + step - now), 1))) end
  return 1
end

-- user, how many names: open sockets, users, his sockets, names
local function census(keys, args)
  local his, names = 0, {}
  for _, node in ipairs(nodes_of(args[1])) do his = his + node[2] end
  local limit = tonumber(args[2])
  if limit > 0 then
    if redis.call('HLEN', P .. 'users') <= limit then names = redis.call('HKEYS', P .. 'users')
    else
      local cursor = '0'
      repeat
        local found = redis.call('HSCAN', P .. 'users', cursor, 'COUNT', 1000)
        cursor = found[1]
        for i = 1, #found[2], 2 do
          if #names < limit then names[#names + 1] = found[2][i] end
        end
      until cursor == '0' or #names >= limit
    end
  end
  return { elsewhere(''), redis.call('HLEN', P .. 'users'), his, names }
end

local function leave(keys, args) return drop(args[1]) end
`
