-- Charges all buckets or none, at the server's time.
--
-- KEYS: one hash per bucket: `used` (sum of all slots), `oldest` and `newest` (first and last slot), and per second
--       of the server's clock one slot with what was charged in it.
-- ARGV: window in seconds, then limit and cost of each bucket.
-- Answer: slot charged, 1 if charged or 0 if refused, then per bucket: used, milliseconds until the cost fits,
--         milliseconds until the bucket is empty.
--
-- A slot counts until it lies wholly outside the window, so no window of that length ever holds more than the limit.
-- Each slot is written once and removed once: the work per call does not grow with traffic.

local time = redis.call('TIME')
local now, millis = tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)
local window = tonumber(ARGV[1])

local function until_slot_ends(slot)
  return (slot + window + 1 - now) * 1000 - millis
end

local function load(key)
  local head = redis.call('HMGET', key, 'used', 'oldest', 'newest')
  if not head[1] then
    return {used = 0, oldest = now, newest = now}
  end
  local bucket = {used = tonumber(head[1]), oldest = tonumber(head[2]), newest = tonumber(head[3])}
  if bucket.newest > now then
    -- The clock stepped back. All that was charged counts from now on, so that a step never refills a bucket.
    redis.call('DEL', key)
    redis.call('HSET', key, now, bucket.used, 'used', bucket.used, 'oldest', now, 'newest', now)
    redis.call('EXPIRE', key, window + 2)
    return {used = bucket.used, oldest = now, newest = now}
  end
  local gone = math.min(now - window - 1, bucket.newest)
  if bucket.oldest <= gone then
    for slot = bucket.oldest, gone do
      local amount = redis.call('HGET', key, slot)
      if amount then
        bucket.used = bucket.used - tonumber(amount)
        redis.call('HDEL', key, slot)
      end
    end
    bucket.oldest = gone + 1
    redis.call('HSET', key, 'used', bucket.used, 'oldest', bucket.oldest)
  end
  return bucket
end

local function wait(key, bucket, limit, cost)
  local missing = bucket.used + cost - limit
  if missing <= 0 then
    return 0
  end
  for slot = bucket.oldest, bucket.newest do
    missing = missing - tonumber(redis.call('HGET', key, slot) or 0)
    if missing <= 0 then
      return until_slot_ends(slot)
    end
  end
  return until_slot_ends(bucket.newest)
end

local buckets, answer, fits = {}, {now, 1}, true
for i, key in ipairs(KEYS) do
  local bucket = load(key)
  bucket.limit, bucket.cost = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  bucket.wait = wait(key, bucket, bucket.limit, bucket.cost)
  fits = fits and bucket.wait == 0
  buckets[i] = bucket
end

for i, key in ipairs(KEYS) do
  local bucket = buckets[i]
  if fits then
    bucket.used, bucket.newest = bucket.used + bucket.cost, now
    redis.call('HINCRBY', key, now, bucket.cost)
    redis.call('HSET', key, 'used', bucket.used, 'oldest', bucket.oldest, 'newest', now)
    redis.call('EXPIRE', key, window + 2)
  end
  answer[#answer + 1] = bucket.used
  answer[#answer + 1] = bucket.wait
  answer[#answer + 1] = bucket.used > 0 and until_slot_ends(bucket.newest) or 0
end

if not fits then
  answer[2] = 0
end
return answer
