-- Writes a batch of the ledger and adds it to the daily sums: all of it, once.
--
-- KEYS: the number of the writer's last batch; the stream; today's index; then, per day and tenant of the batch, the
--       hash of sums and the set of that day's tenants.
-- ARGV: the batch's number, the lives of writer, index and sums in seconds, the number of entries, the most that a day's
--       index may hold; per entry its field in the index and its content; then, per day and tenant, the tenant, the number of fields, and per field its
--       name and what to add.
-- Answer: 1 if the batch was written now, 0 if it had been before.
--
-- A writer sends one batch after the other and repeats one until it is answered, so the last number is all there is to
-- remember. It is noted first: should anything below fail, nothing is counted twice.

if tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])

local at = 7
for _ = 1, tonumber(ARGV[5]) do
  local id = redis.call('XADD', KEYS[2], '*', 'entry', ARGV[at + 1])
  if redis.call('HLEN', KEYS[3]) < tonumber(ARGV[6]) then
    redis.call('HSET', KEYS[3], ARGV[at], id)
  end
  at = at + 2
end
redis.call('EXPIRE', KEYS[3], ARGV[3])

for k = 4, #KEYS, 2 do
  redis.call('SADD', KEYS[k + 1], ARGV[at])
  local last = at + 1 + 2 * tonumber(ARGV[at + 1])
  for f = at + 2, last, 2 do
    redis.call('HINCRBY', KEYS[k], ARGV[f], ARGV[f + 1])
  end
  redis.call('EXPIRE', KEYS[k], ARGV[4])
  redis.call('EXPIRE', KEYS[k + 1], ARGV[4])
  at = last + 1
end
return 1
