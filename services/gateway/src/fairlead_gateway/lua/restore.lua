-- Puts back what a gateway last saw of quotas per day, into a Redis that has lost them.
--
-- KEYS: the generation; the times of what was put back; the marks of this gateway's open reservations; then counters of
--       days.
-- ARGV: seconds for which quotas stay closed so that every gateway can say what it saw, how many reservations are
--       open, id and slot of each, then per counter: when it was seen (microseconds), used, and when its key expires.
-- Answer: the generation.
--
-- Of what several gateways saw the latest holds: it has in it all that was granted before.

local generation, restored, open = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = tonumber(time[1])
local micros = tonumber(time[2])
local known = redis.call('GET', generation)

if known and now + micros / 1000000 >= tonumber(known) then
  return known
end
if not known then
  known = (now + tonumber(ARGV[1])) .. string.format('.%06d', micros)
  redis.call('DEL', restored)
  redis.call('SET', generation, known)
end

local count = tonumber(ARGV[2])
for i = 1, count do
  redis.call('HSET', open, ARGV[1 + 2 * i], ARGV[2 + 2 * i])
end
if count > 0 then
  redis.call('EXPIRE', open, 172800)
end

local at = 3 + 2 * count
for i = 4, #KEYS do
  local seen = redis.call('HGET', restored, KEYS[i])
  if not seen or tonumber(seen) < tonumber(ARGV[at]) then
    redis.call('HSET', restored, KEYS[i], ARGV[at])
    redis.call('SET', KEYS[i], ARGV[at + 1])
    redis.call('EXPIREAT', KEYS[i], ARGV[at + 2])
  end
  at = at + 3
end
redis.call('EXPIRE', restored, 3600)
return known
