/** What is read by who comes back: see `library.ts`. */
export const reading = `
local PAGE = 100

-- What concerns a user after a seq, in order: of each kind at most count, if there is one.
local function entries_after(user, after, count)
  local range = { '(' .. int(after) .. '-0', '+' }
  if count then range[3], range[4] = 'COUNT', count end
  local entries = redis.call('XRANGE', P .. 'n:', unpack(range))
  if user ~= '' then
    for _, entry in ipairs(redis.call('XRANGE', P .. 'n:' .. user, unpack(range))) do entries[#entries + 1] = entry end
    table.sort(entries, function (a, b) return seq_of(a) < seq_of(b) end)
  end
  return entries
end

local function concerns(entry, user) return user == '' or entry[2][4] ~= user end

-- node, user, now, epoch and seq of the newest that he has ('': none)
local function survey(keys, args)
  local node, user, now, epoch, after = args[1], args[2], tonumber(args[3]), args[4], tonumber(args[5])
  local current, seq, lost = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq', 'lost'))
  if epoch == '' then return { current, seq, 0, 0, seq, elsewhere(node) } end
  local known = epoch == current and after <= tonumber(seq)
  if not known then after = 0 end
  local there, expired = 0, false
  for _, entry in ipairs(entries_after(user, after)) do
    if concerns(entry, user) then
      if tonumber(entry[2][2]) > now then there = there + 1 else expired = true end
    end
  end
  local gap = not known or expired or after < tonumber(lost) or has_gone(user, after)
  return { current, seq, gap and 1 or 0, there, int(after), elsewhere(node) }
end

-- user, now, after, how many bytes
local function read(keys, args)
  local user, now, after, max_bytes = args[1], tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local epoch, seq = unpack(redis.call('HMGET', P .. 'journal', 'epoch', 'seq'))
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
  return { epoch, last, complete, has_gone(user, after) and 1 or 0, found }
end
`
