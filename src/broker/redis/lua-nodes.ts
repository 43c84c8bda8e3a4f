/** Which nodes there are, and whose sockets: see `library.ts`. */
export const nodes = `
local SILENT_MS = 10000

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

local function drop(node)
  for _, user in ipairs(redis.call('HKEYS', P .. 'of:' .. node)) do set_count(node, user, 0) end
  redis.call('DEL', P .. 'of:' .. node)
  redis.call('HDEL', P .. 'totals', node)
  redis.call('ZREM', P .. 'nodes', node)
end

-- node, new epoch, epoch and seq of the newest that it has heard: a node is there, and nobody is connected to it yet
local function hello(keys, args)
  local node, new_epoch, epoch, heard = args[1], args[2], args[3], tonumber(args[4])
  local current, seq = settle(new_epoch)
  local jump, lost = unpack(redis.call('HMGET', P .. 'journal', 'jump', 'lost'))
  if epoch == current and heard > tonumber(jump) and heard < tonumber(jump) + JUMP and heard > tonumber(lost) and tonumber(jump) > 0 then
    redis.call('HSET', P .. 'journal', 'lost', int(heard))
  end
  drop(node)
  redis.call('ZADD', P .. 'nodes', int(time()), node)
  redis.call('HSET', P .. 'totals', node, 0)
  return { current, int(seq) }
end

-- node, its open sockets, then users and their open sockets there; 0: the node is not known
local function presence(keys, args)
  local node = args[1]
  if not redis.call('ZSCORE', P .. 'nodes', node) then return 0 end
  redis.call('HSET', P .. 'totals', node, args[2])
  for i = 3, #args, 2 do set_count(node, args[i], tonumber(args[i + 1])) end
  return 1
end

-- node, new epoch, what it sends to itself; 0: the node is not known
local function beat(keys, args)
  local node, now = args[1], time()
  settle(args[2])
  for _, silent in ipairs(redis.call('ZRANGEBYSCORE', P .. 'nodes', '-inf', int(now - SILENT_MS))) do
    if silent ~= node then drop(silent) end
  end
  if not redis.call('ZSCORE', P .. 'nodes', node) then return 0 end
  redis.call('ZADD', P .. 'nodes', int(now), node)
  redis.call('PUBLISH', P .. 'to:' .. node, args[3])
  return 1
end

-- user: his sockets, by node
local function whereabouts(keys, args)
  local found = {}
  for _, node in ipairs(nodes_of(args[1])) do
    found[#found + 1] = node[1]
    found[#found + 1] = node[2]
  end
  return found
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

local function leave(keys, args) drop(args[1]) end
`
