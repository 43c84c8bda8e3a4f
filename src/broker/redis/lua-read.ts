/** What is read by who comes back: see `library.ts`. */
export const reading = `
local PAGE = 50

-- What concerns a user after a seq, in order: of each kind at most count.
local function entries_after(user, after, count)
  local from = '(' .. int(after) .. '-0'
  local all = redis.call('XRANGE', P .. 'n:', from, '+', 'COUNT', count)
  if user == '' then return all end
  local own = redis.call('XRANGE', P .. 'n:' .. user, from, '+', 'COUNT', count)
  local merged, i = {}, 1
  for _, entry in ipairs(own) do
    local seq = seq_of(entry)
    while all[i] and seq_of(all[i]) < seq do
      merged[#merged + 1] = all[i]
      i = i + 1
    end
    merged[#merged + 1] = entry
  end
  for k = i, #all do merged[#merged + 1] = all[k] end
  return merged
end

local function concerns(entry, user) return user == '' or entry[2][4] ~= user end

-- node, user, now, retention, epoch and seq of the newest that he has ('': none)
local function survey(keys, args)
  local node, user, now, retention, epoch, after = args[1], args[2], tonumber(args[3]), tonumber(args[4]), args[5], tonumber(args[6])
  local current, seq, lost = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq', 'lost'))
  if epoch == '' then return { current, seq, 0, 0, seq, elsewhere(node) } end
  local known = epoch == current and after <= tonumber(seq)
  if not known then after = 0 end
  local overdue = expire(now, retention) == REMOVE_AT_ONCE
  local from = '(' .. int(after)
  local count = redis.call('ZCOUNT', P .. 'i:', from, '+inf')
  if user ~= '' then count = count - redis.call('ZCOUNT', P .. 'without:' .. user, from, '+inf') + redis.call('ZCOUNT', P .. 'i:' .. user, from, '+inf') end
  local gap = not known or overdue or after < tonumber(lost) or has_gone(user, after)
  return { current, seq, gap and 1 or 0, count, int(after), elsewhere(node) }
end

-- user, now, after, how many bytes
local function read(keys, args)
  local user, now, after, max_bytes = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local epoch, seq, lost = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq', 'lost'))
  local entries = entries_after(user, after, PAGE + 1)
  local last, complete = seq, 1
  if #entries > PAGE then last, complete = int(seq_of(entries[PAGE])), 0 end
  local found, bytes = {}, 0
  for i = 1, math.min(#entries, PAGE) do
    local entry = entries[i]
    if tonumber(entry[2][2]) > now and concerns(entry, user) then
      bytes = bytes + #entry[2][6]
      if bytes > max_bytes and #found > 0 then
        last, complete = found[#found - 1], 0
        break
      end
      found[#found + 1] = int(seq_of(entry))
      found[#found + 1] = entry[2][6]
    end
  end
  local gap = after < tonumber(lost) or has_gone(user, after)
  return { epoch, last, complete, gap and 1 or 0, found }
end
`
