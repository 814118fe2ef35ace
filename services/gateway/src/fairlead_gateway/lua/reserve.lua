-- Charges all buckets or none, at the server's time.
--
-- KEYS: the buckets; where a quota per day is among them also the generation, and the marks of what is open.
-- ARGV: window in seconds, the reservation's id ('' where it needs none), milliseconds that a lease lasts, then kind,
--       limit and cost of each bucket.
-- Answer: slot charged, 1 if charged, 0 if refused or -1 if quotas are not known, microseconds of the server's clock
--         besides the slot's second, then per bucket: used, milliseconds until the cost fits, milliseconds until the
--         bucket is empty.
--
-- Three kinds of buckets:
-- w  A sliding window: a hash with `used` (sum of all slots), `oldest` and `newest` (first and last slot), and per
--    second of the server's clock one slot with what was charged in it. A slot counts until it lies wholly outside the
--    window, so no window of that length ever holds more than the limit.
-- p  What runs now: a sorted set of reservations by the millisecond at which their lease ends.
-- d  A day of UTC: a counter, whose key is the bucket's with the number of the day, which only the server knows.
--
-- Each slot and each lease is written once and removed once: the work per call does not grow with traffic. Functions
-- are made anew at every call of a script, hence none here.
-- An emptied Redis has no generation; quotas are then closed until the gateways have put back what they last saw.

local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])
local millis = math.floor(micros / 1000)
local window = tonumber(ARGV[1])
local count = (#ARGV - 3) / 3
local today = math.floor(now / 86400)
local until_midnight = ((today + 1) * 86400 - now) * 1000 - millis
local slot_ends = (window + 1 - now) * 1000 - millis -- plus 1000 for each second of the slot: milliseconds until its end

if #KEYS > count then
  local opens_at = redis.call('GET', KEYS[count + 1])
  if not opens_at or now + micros / 1000000 < tonumber(opens_at) then
    return {now, -1, micros}
  end
end

local used, waits, oldest, newest = {}, {}, {}, {}
local fits = true

for i = 1, count do
  local key, kind, limit, cost = KEYS[i], ARGV[3 * i + 1], tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])
  local wait = 0
  if kind == 'w' then
    local head = redis.call('HMGET', key, 'used', 'oldest', 'newest')
    local sum, first, last = tonumber(head[1] or 0), tonumber(head[2] or now), tonumber(head[3] or now)
    if last > now then
      -- The clock stepped back. All that was charged counts from now on, so that a step never refills a bucket.
      redis.call('DEL', key)
      redis.call('HSET', key, now, sum, 'used', sum, 'oldest', now, 'newest', now)
      redis.call('EXPIRE', key, window + 2)
      first, last = now, now
    end
    local gone = math.min(now - window - 1, last)
    if first <= gone then
      for slot = first, gone do
        local amount = redis.call('HGET', key, slot)
        if amount then
          sum = sum - tonumber(amount)
          redis.call('HDEL', key, slot)
        end
      end
      first = gone + 1
      redis.call('HSET', key, 'used', sum, 'oldest', first)
    end
    local missing = sum + cost - limit
    if missing > 0 then
      wait = last * 1000 + slot_ends
      for slot = first, last do
        missing = missing - tonumber(redis.call('HGET', key, slot) or 0)
        if missing <= 0 then
          wait = slot * 1000 + slot_ends
          break
        end
      end
    end
    used[i], oldest[i], newest[i] = sum, first, head[1] and last or 0
  elseif kind == 'd' then
    used[i] = tonumber(redis.call('GET', key .. ':' .. today) or 0)
    wait = used[i] + cost > limit and until_midnight or 0
  else
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now * 1000 + millis)
    used[i] = redis.call('ZCARD', key)
    wait = used[i] + cost > limit and 1000 or 0
  end
  waits[i] = wait
  fits = fits and wait == 0
end

local answer = {now, fits and 1 or 0, micros}
for i = 1, count do
  local key, kind, stated, reset = KEYS[i], ARGV[3 * i + 1], ARGV[3 * i + 3], 0
  if fits then
    used[i] = used[i] + tonumber(stated)
    if kind == 'w' then
      redis.call('HINCRBY', key, now, stated)
      redis.call('HSET', key, 'used', used[i], 'oldest', oldest[i], 'newest', now)
      if newest[i] ~= now then
        redis.call('EXPIRE', key, window + 2)
        newest[i] = now
      end
    elseif kind == 'd' then
      redis.call('INCRBY', key .. ':' .. today, stated)
      redis.call('EXPIREAT', key .. ':' .. today, (today + 2) * 86400)
    else
      redis.call('ZADD', key, now * 1000 + millis + tonumber(ARGV[3]), ARGV[2])
      redis.call('PEXPIRE', key, ARGV[3])
    end
  end
  if kind == 'd' then
    reset = until_midnight
  elseif kind == 'w' and used[i] > 0 then
    reset = newest[i] * 1000 + slot_ends
  end
  answer[3 * i + 1], answer[3 * i + 2], answer[3 * i + 3] = used[i], waits[i], reset
end

if fits and #KEYS > count then
  redis.call('HSET', KEYS[count + 2], ARGV[2], now)
  redis.call('EXPIRE', KEYS[count + 2], 172800)
end
return answer
