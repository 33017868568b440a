-- A moving window for each key: the moments (ms) of what was counted, oldest first. Counts one in all of them, or,
-- where one is full, in none.
-- ARGV: for each key how many in how many ms. Answers whether it was counted, then for each key how many are in the
-- window now and in how many ms there is one place more.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counted = 1
for i, key in ipairs(KEYS) do
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - ARGV[2 * i] do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    if redis.call('LLEN', key) >= tonumber(ARGV[2 * i - 1]) then
        counted = 0
    end
end
local answer = {counted}
for i, key in ipairs(KEYS) do
    if counted == 1 then
        redis.call('RPUSH', key, now)
        redis.call('PEXPIRE', key, ARGV[2 * i])
    end
    local used = redis.call('LLEN', key)
    -- More than may be are in it where the setting was lowered.
    local next_to_go = redis.call('LINDEX', key, math.max(0, used - ARGV[2 * i - 1])) or now
    answer[2 * i] = used
    answer[2 * i + 1] = next_to_go + ARGV[2 * i] - now
end
return answer
