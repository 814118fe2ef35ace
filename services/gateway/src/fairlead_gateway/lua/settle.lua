-- Replaces what was reserved by what was used.
--
-- KEYS: the buckets of the reservation, as `reserve.lua` describes them.
-- ARGV: window in seconds, slot of the reservation, then per bucket used minus reserved.
--
-- What was reserved too much goes back to the slot it was charged in, and only while that slot still counts: a
-- reservation whose window has passed is not given back twice. What was used beyond the reservation is charged now.

local window, slot = tonumber(ARGV[1]), ARGV[2]
local now = tonumber(redis.call('TIME')[1])

for i, key in ipairs(KEYS) do
  local difference = tonumber(ARGV[2 + i])
  if difference < 0 then
    local charged = tonumber(redis.call('HGET', key, slot) or 0)
    local back = math.min(-difference, charged)
    if back > 0 then
      redis.call('HINCRBY', key, slot, -back)
      redis.call('HINCRBY', key, 'used', -back)
    end
  elseif difference > 0 then
    local head = redis.call('HMGET', key, 'oldest', 'newest')
    local oldest, newest = tonumber(head[1] or now), tonumber(head[2] or now)
    redis.call('HINCRBY', key, now, difference)
    redis.call('HINCRBY', key, 'used', difference)
    redis.call('HSET', key, 'oldest', math.min(oldest, now), 'newest', math.max(newest, now))
    redis.call('EXPIRE', key, window + 2)
  end
end
return 1
