/** What is read by who comes back: see `library.ts`. */
export const reading = `
-- So many entries are looked at for a page, or some more.
local PAGE = 50

-- What concerns a user after a seq, in order, each entry with its seq: of each kind at most count.
local function entries_after(user, after, count)
  local from = '(' .. int(after)
  local all = redis.call('ZRANGEBYSCORE', P .. 'n:', from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  if user == '' then return all end
  local own = redis.call('ZRANGEBYSCORE', P .. 'n:' .. user, from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  local merged, i, k = {}, 1, 1
  while all[i] or own[k] do
    local entry, seq = all[i], all[i + 1]
    if not entry or (own[k] and tonumber(own[k + 1]) < tonumber(seq)) then
      entry, seq, k = own[k], own[k + 1], k + 2
    else
      i = i + 2
    end
    merged[#merged + 1] = entry
    merged[#merged + 1] = seq
  end
  return merged
end

-- The nodes that were there before a server lost its newest are waited for for so long: each says what it has heard of it.
local HEAR_MS = 3000

local function not_yet() return redis.error_reply('ERR not all nodes have said what they have heard') end

-- Epoch and seq of the journal, and whether there may have been more after a seq that is lost; nothing: that is not known yet.
local function standing(after)
  local epoch, seq, lost, holes, jumped_at, unheard = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq', 'lost', 'holes', 'jumped_at', 'unheard'))
  lost, holes, unheard = tonumber(lost or 0), holes or '', unheard or ''
  if after < lost then return epoch, seq, true end
  if after >= tonumber(string.match(holes, '%-(%d+)') or 0) then return epoch, seq, false end
  if unheard ~= '' and math.abs(time() - jumped_at) < HEAR_MS then return epoch, seq end
  -- Of what was lost he has some: the newest that any has heard of, or maybe not, where who could know of more is gone.
  return epoch, seq, in_hole(after, holes) and (after ~= lost or unheard ~= '')
end

-- node, user, now, retention, limits of a user and of broadcasts, epoch and seq of the newest that he has ('': none)
local function survey(keys, args)
  local node, user, now, retention, epoch, after = args[1], args[2], tonumber(args[3]), tonumber(args[4]), args[7], tonumber(args[8])
  if not is_known(node) then return redis.error_reply('ERR the node is not known') end
  local current, seq, lost = standing(after)
  if epoch == '' then return { current, seq, 0, 0, seq, elsewhere(node) } end
  local known = epoch == current and after <= tonumber(seq)
  if known and lost == nil then return not_yet() end
  if not known then after = 0 end
  local more_due = expire(now, retention) >= REMOVE_AT_ONCE
  trim('', tonumber(args[6]))
  if user ~= '' then trim(user, tonumber(args[5])) end
  local from = '(' .. int(after)
  local count = redis.call('ZCOUNT', P .. 'n:', from, '+inf')
  if user ~= '' then count = count - redis.call('ZCOUNT', P .. 'without:' .. user, from, '+inf') + redis.call('ZCOUNT', P .. 'n:' .. user, from, '+inf') end
  local gap = not known or lost or (more_due and count > 0) or has_gone(user, after)
  return { current, seq, gap and 1 or 0, count, int(after), elsewhere(node) }
end

-- What a frame has at most besides the epoch, the seq and the text that is kept: a head of ten bytes, and 32 of text around the two (see encodeNotification).
local FRAME_BYTES = 42

-- epoch, user, the time of what has ended by now, after, how many bytes of frames, the seq up to which he was told that some may be missing
local function read(keys, args)
  local user, now, after, max_bytes = args[2], tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  local told = tonumber(args[6])
  local epoch, seq, lost = standing(math.max(after, told))
  if epoch ~= args[1] then return redis.error_reply('ERR the journal is another') end
  if lost == nil then return not_yet() end
  local found, bytes, left_out, last, full, complete = {}, 0, false, after, false, false
  -- A few at first, and then more: one may fill the page, and what is fetched is copied.
  local looked_at, at_once = 0, 2
  repeat
    local entries = entries_after(user, last, at_once)
    for i = 1, math.min(#entries, 2 * at_once), 2 do
      local entry, entry_seq = entries[i], entries[i + 1]
      local _, ends, excluded, start = parse(entry)
      local concerns = user == '' or excluded ~= user
      if concerns and ends and ends <= now then left_out = left_out or tonumber(entry_seq) > told
      elseif concerns then
        bytes = bytes + FRAME_BYTES + #epoch + #entry_seq + #entry - start + 1
        full = bytes > max_bytes and #found > 0
        if full then break end
        found[#found + 1] = entry_seq
        found[#found + 1] = string.sub(entry, start)
      end
      last = entry_seq
    end
    complete = not full and #entries < 2 * at_once
    looked_at, at_once = looked_at + at_once, 2 * at_once
  until full or complete or looked_at >= PAGE
  if complete then last = seq end
  local gap = left_out or lost or after > tonumber(seq) or has_gone(user, math.max(after, told))
  return { epoch, last, complete and 1 or 0, gap and 1 or 0, found }
end
`
