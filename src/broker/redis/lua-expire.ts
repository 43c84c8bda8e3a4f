/** What goes, and what is known of it from then on: see `library.ts`. */
export const expiring = `
-- Of an entry, which is what is kept of a notification (see encodeEntry in messages.ts): when it was published, when it ends if that is before its time,
-- whom it leaves out; and where the text of its frame begins that stands behind the id.
local function parse(entry)
  local at, ends, excluded, tail = string.match(entry, '^([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)\\t[^\\n]*\\n()')
  return tonumber(at), tonumber(ends), excluded, tail
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

-- Entries of an audience, each with its seq, in order, are not kept any more. With a list, what is to be noted of a user is added to it, as arguments
-- of a ZADD that must follow before anything asks for it.
local function note_gone(audience, entries, list)
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
  if audience ~= '' and list then
    list[#list + 1] = int(seq)
    list[#list + 1] = audience
  elseif audience ~= '' then redis.call('ZADD', P .. 'gone', 'GT', int(seq), audience)
  else redis.call('HSET', P .. 'journal', 'gone', int(seq), 'gone_without', excluded, 'gone_others', int(others)) end
end

-- Removes the oldest of an audience that has more than it may, REMOVE_AT_ONCE at most. A publish lets some come together, for they cost little more than one;
-- who comes back has it done.
-- For the list see note_gone. Unseen: it is a user, and nothing of his has a time of its own, so that what goes need not be looked at.
local function trim(audience, limit, list, unseen)
  local key = P .. 'n:' .. audience
  local excess = math.min(redis.call('ZCARD', key) - limit, REMOVE_AT_ONCE)
  if excess <= 0 then return end
  if not unseen then
    note_gone(audience, redis.call('ZPOPMIN', key, excess), list)
    return
  end
  list[#list + 1] = redis.call('ZRANGE', key, excess - 1, excess - 1, 'WITHSCORES')[2]
  list[#list + 1] = audience
  redis.call('ZREMRANGEBYRANK', key, 0, excess - 1)
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
`
