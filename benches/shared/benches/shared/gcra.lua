-- The generic cell rate algorithm, as in redis-cell. ARGV: burst, microseconds of a permit, permits.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local burst, interval, permits = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tolerance = interval * burst
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
local next_arrival = math.max(arrival, now) + interval * permits
local allowed_at = next_arrival - tolerance
local limited, retry_after, full_after = 0, -1, next_arrival - now
if now < allowed_at then
    limited, retry_after, full_after = 1, allowed_at - now, arrival - now
else
    local next_arrival = string.format('%.0f', next_arrival)
    redis.call('SET', KEYS[1], next_arrival, 'PX', math.ceil(full_after / 1000))
end
local remaining = math.floor((tolerance - full_after) / interval)
return { limited, burst, remaining, retry_after, math.ceil(full_after / 1000) }
