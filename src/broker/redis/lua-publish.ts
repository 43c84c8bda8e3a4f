/** What is kept, and sent on: see `library.ts`. */
export const publishing = `
-- What is answered where an earlier call had this key.
local function repeated(key, fingerprint, now)
  local kept = redis.call('GET', P .. 'k:' .. key)
  local first = kept and cjson.decode(kept)
  if not first or first.till <= now then return false end
  if first.fingerprint ~= fingerprint then return { 'mismatch' } end
  return { 'repeated', first.id }
end

-- The nodes where a user has sockets: the text says where, as in the table of users. Without those that are being removed: such a node must not hear of
-- some users and miss others, as it goes on behind the last that it heard.
local function hearing(text, removing)
  local nodes = {}
  for name in string.gmatch(text, '([^=,]+)=') do
    if removing == '' or not string.find(removing, name, 1, true) then nodes[#nodes + 1] = name end
  end
  return nodes
end

-- Redis's time after which nobody waits for it, epoch and seq of the newest that the node has heard, now, retention, limits of a user and of broadcasts, how long keys are kept;
-- then of each notification: audience, entry, and what few have besides (see encodeSpecial in messages.ts), or ''.
-- The epoch, and the seq before those that are kept, which get the next ones; then for each what came of it: how many nodes hear it, also with how many users
-- are counted there once too often; or why it is not kept. Nothing: it is too late, or the journal is another, or lacks what the node has heard.
local function publish(keys, args)
  if time() > tonumber(args[1]) then return {} end
  local now, retention, keep = tonumber(args[4]), tonumber(args[5]), tonumber(args[8])
  local of_user, of_all = tonumber(args[6]), tonumber(args[7])
  local count = (#args - 8) / 3
  local epoch, seq, removing = settle()
  if epoch ~= args[2] or is_behind(epoch, seq, args[2], args[3]) then return {} end
  local answer, last = { epoch, int(seq) }, seq + count
  redis.call('HSET', P .. 'journal', 'seq', int(last))
  local audiences = {}
  for i = 1, count do audiences[i] = args[3 * i + 6] end
  local users = redis.call('HMGET', P .. 'users', unpack(audiences))
  local outcomes, overlaps, reached, messages, gone, swept = {}, {}, {}, {}, {}, false
  -- What most publishes do not need to know is asked for only where it is needed.
  local may_wait, everybody
  local hear, nowhere = {}, {} -- Many users have their sockets at the same nodes.

  for i = 1, count do
    local audience, entry, special = audiences[i], args[3 * i + 7], args[3 * i + 8]
    local next, kept = int(seq + 1), P .. 'n:' .. audience
    local ends, excluded, key, fingerprint = '', '', '', ''
    if special ~= '' then ends, excluded, key, fingerprint = string.match(special, '^([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)$') end
    outcomes[i] = key ~= '' and repeated(key, fingerprint, now)
    local added = not outcomes[i] and redis.pcall('ZADD', kept, next, entry)
    if type(added) == 'table' then
      outcomes[i] = { 'failed', added.err }
    elseif added then
      seq = seq + 1
      if key ~= '' then redis.call('SET', P .. 'k:' .. key, cjson.encode({ fingerprint = fingerprint, till = now + keep, id = epoch .. '-' .. next }), 'PX', int(keep)) end
      if ends ~= '' then
        redis.call('ZADD', P .. 'expiry', ends, next .. ':' .. audience)
        may_wait = false
      end
      if excluded ~= '' then redis.call('ZADD', P .. 'without:' .. excluded, next, next) end

      local there, limit = redis.call('ZCARD', kept), audience == '' and of_all or of_user
      if there == 1 then redis.call('ZADD', P .. 'oldest', args[4], audience) end
      if there > limit then
        -- While something ends before its time, an audience is trimmed at once: else, when that has ended, what was over the limit would not be over it any more.
        if may_wait == nil then may_wait = redis.call('EXISTS', P .. 'expiry') == 0 end
        if there > limit + (may_wait and math.min(limit / 4, MOST_OVER) or 0) then
          if not swept then expire(now, retention) end -- What has expired goes first, so that it does not crowd out what has not.
          swept = true
          trim(audience, limit, gone, may_wait and audience ~= '')
        end
      end

      local nodes = nowhere
      if audience == '' then
        everybody = everybody or redis.call('ZRANGEBYSCORE', P .. 'nodes', '(0', '+inf')
        nodes, overlaps[i] = everybody, tonumber(redis.call('GET', P .. 'overlap') or 0)
        if excluded ~= '' then overlaps[i] = overlaps[i] - math.max(#nodes_of(excluded) - 1, 0) end
      elseif users[i] then
        nodes = hear[users[i]] or hearing(users[i], removing)
        hear[users[i]] = nodes
      end
      local head = '\\n' .. next .. '\\t' .. #entry .. '\\n'
      for _, name in ipairs(nodes) do
        local message = messages[name] or { epoch }
        message[#message + 1] = head
        message[#message + 1] = entry
        messages[name] = message
      end
      reached[i] = nodes
    end
  end

  if seq < last then redis.call('HSET', P .. 'journal', 'seq', int(seq)) end
  if #gone > 0 then redis.call('ZADD', P .. 'gone', 'GT', unpack(gone)) end
  local heard, receivers = {}, {}
  for name, message in pairs(messages) do heard[name] = send(name, table.concat(message)) end
  for i = 1, count do
    local outcome, nodes = outcomes[i], reached[i]
    if nodes then
      if not receivers[nodes] then
        receivers[nodes] = 0
        for _, name in ipairs(nodes) do receivers[nodes] = receivers[nodes] + heard[name] end
      end
      outcome = overlaps[i] and { receivers[nodes], overlaps[i] } or receivers[nodes]
    end
    answer[i + 2] = outcome
  end
  return answer
end

-- key, connections, users: what came of the call with this key
local function keep_outcome(keys, args)
  local kept = redis.call('GET', P .. 'k:' .. args[1])
  if not kept then return end
  local outcome = cjson.decode(kept)
  if outcome.connections and args[2] == '0' then return end -- Who has waited for it in vain says so, and may be late.
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
