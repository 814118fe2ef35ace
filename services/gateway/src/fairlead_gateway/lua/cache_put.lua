-- Keeps an answer, within a budget of bytes over all answers.
--
-- KEYS: the entry; the index (a sorted set of `<bytes>:<entry>` by expiry in seconds); the sum of all bytes.
-- ARGV: the entry's content, its bytes, its life in seconds, the budget in bytes.
-- Answer: how many answers had to go.
--
-- Those that expire first go first: with one life for all of them, the oldest.

local entry, index, total = KEYS[1], KEYS[2], KEYS[3]
local size, life, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(redis.call('TIME')[1])
local member = ARGV[2] .. ':' .. entry
local gone = 0

local function forget(old)
  local bytes, key = string.match(old, '^(%d+):(.*)$')
  redis.call('ZREM', index, old)
  redis.call('DECRBY', total, bytes)
  return key
end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 100)) do
  forget(old)
end

local before = redis.call('STRLEN', entry)
if before > 0 then
  local old = before .. ':' .. entry
  if redis.call('ZSCORE', index, old) then
    forget(old)
  end
end

while tonumber(redis.call('GET', total) or 0) + size > budget do
  local oldest = redis.call('ZRANGE', index, 0, 0)[1]
  if not oldest then
    redis.call('DEL', total)
    break
  end
  redis.call('DEL', forget(oldest))
  gone = gone + 1
end

if size <= budget then
  redis.call('SET', entry, ARGV[1], 'EX', life)
  redis.call('ZADD', index, now + life, member)
  redis.call('INCRBY', total, size)
end
return gone
