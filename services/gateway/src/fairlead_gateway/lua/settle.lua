-- Replaces what was reserved by what was used.
--
-- KEYS: buckets of the reservation, as `reserve.lua` describes them; where a quota per day was among them also the
--       generation, and the marks of what is open.
-- ARGV: window in seconds, slot of the reservation (of one with a mark, the mark's holds), its id, then kind and used
--       minus reserved of each bucket.
-- Answer: second of the server's clock, 1 if settled, 0 if that had been done before or -1 if quotas are not known,
--         microseconds besides the second, then per bucket what is used of a day, 0 for other kinds.
--
-- What was reserved too much in a window goes back to the slot it was charged in, and only while that slot still
-- counts: a reservation whose window has passed is not given back twice. What was used beyond the reservation is
-- charged now. A day is corrected where the reservation fell into it, once: whoever takes the mark away does it.

local window, slot, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])
local count = (#ARGV - 3) / 2
local done = 1

if #KEYS > count then
  slot = redis.call('HGET', KEYS[count + 2], id)
  if slot then
    redis.call('HDEL', KEYS[count + 2], id)
  else
    local opens_at = redis.call('GET', KEYS[count + 1])
    done = (not opens_at or now + micros / 1000000 < tonumber(opens_at)) and -1 or 0
  end
end

local answer = {now, done, micros}
for i = 1, count do
  local key, kind, difference = KEYS[i], ARGV[2 * i + 2], ARGV[2 * i + 3]
  local used = 0
  if kind == 'p' then
    redis.call('ZREM', key, id)
  elseif done ~= 1 then
    used = 0
  elseif kind == 'd' then
    local day = math.floor(tonumber(slot) / 86400)
    used = redis.call('INCRBY', key .. ':' .. day, difference)
    redis.call('EXPIREAT', key .. ':' .. day, (day + 2) * 86400)
  elseif tonumber(difference) < 0 then
    local charged = tonumber(redis.call('HGET', key, slot) or 0)
    local back = math.min(-tonumber(difference), charged)
    if back > 0 then
      redis.call('HINCRBY', key, slot, -back)
      redis.call('HINCRBY', key, 'used', -back)
    end
  else
    local head = redis.call('HMGET', key, 'oldest', 'newest')
    local oldest, newest = tonumber(head[1] or now), tonumber(head[2] or now)
    redis.call('HINCRBY', key, now, difference)
    redis.call('HINCRBY', key, 'used', difference)
    redis.call('HSET', key, 'oldest', math.min(oldest, now), 'newest', math.max(newest, now))
    redis.call('EXPIRE', key, window + 2)
  end
  answer[3 + i] = used
end
return answer
