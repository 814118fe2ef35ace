-- Says that requests still run: their leases last anew, and those that an emptied Redis has lost are back.
--
-- KEYS: buckets of what runs now, as `reserve.lua` describes them.
-- ARGV: milliseconds that a lease lasts, then per bucket how many reservations follow, and their ids.

local time = redis.call('TIME')
local lease = tonumber(ARGV[1])
local ends_at = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + lease
local at = 2

for _, key in ipairs(KEYS) do
  local count = tonumber(ARGV[at])
  for i = at + 1, at + count do
    redis.call('ZADD', key, ends_at, ARGV[i])
  end
  redis.call('PEXPIRE', key, lease)
  at = at + count + 1
end
return 1
