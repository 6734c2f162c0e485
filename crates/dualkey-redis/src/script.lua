-- One call of shared limits, on the state of one partner. It answers as the model does, which is
-- `SharedState` in dualkey-store, and reads like `Bucket` in dualkey-limit.
--
-- Numbers of Lua are doubles: every number here is a whole one below 2^53, so nothing is rounded. A
-- permit is as many parts as a day has microseconds, so a microsecond brings `rate` parts, where the
-- rate is in permits a day. The bucket holds `level` permits and `remainder` parts of the next.
--
-- KEYS[1]  the state
-- ARGV[1]  the policy, the lifetime of a lease, and the server time after which the call is void
-- ARGV[2]  the time after which the key expires, in milliseconds
-- ARGV[3]  what the caller knows of the state, or empty
-- ARGV[4]  take, peek, reset or add
-- ARGV[5]  take: settlements of leases. add: the day, and the permits to count
-- ARGV[6]  take: runs of callers
-- ARGV[7]  take: the id of a new lease and its permits, or empty
--
-- It returns the server time alone if the call is void. Otherwise the server time, the state, the permits
-- and the lifetime of the new lease, and for each run the callers that got their permits follow.

local POLICY = '<I8I8I8I8I8I8'
local KNOWN = '<I8I8I8I8I8I8I8'
local SETTLEMENT, SETTLEMENT_SIZE = '<c8I4I4', 16
local RUN, RUN_SIZE = '<I4I4', 8
-- The state: 39 bytes. With leases, 11 more, and 19 for each, in the order of their ends.
local VERSION = 1
local STATE, STATE_SIZE = '<I1I7I4I5I3I6I6I7', 39
local LEASED, LEASED_SIZE = '<I4I7', 11
local LEASE, LEASE_SIZE = '<c8I4I7', 19

local PARTS_PER_PERMIT = 86400000000
local MICROS_PER_DAY = 86400000000
local SKEW_TOLERANCE = 100000
local MAX_LEASES = 32
local MAX_LEVEL = 2 ^ 32 - 1
local MAX_COUNT = 2 ^ 48 - 1
local MAX_EXACT = 2 ^ 53

local min, max, floor, fmod = math.min, math.max, math.floor, math.fmod
local pack, unpack = struct.pack, struct.unpack

-- Read once: it may move within a script.
local time = redis.call('TIME')
local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- `day_offset`: from the start of day 0 to the epoch. Day 0 is the day before 1970-01-01.
local rate, burst, quota, day_offset, lifetime, void_after = unpack(POLICY, ARGV[1])
local action = ARGV[4]

-- A call that its caller has given up must not charge.
if clock > void_after then
    return { clock }
end

-- Read the state: as stored; or as the caller knows it, on no day; or a full bucket.
local stored = redis.call('GET', KEYS[1])
local known = ARGV[3] ~= ''
local known_at, known_level, known_remainder, known_day, known_granted, known_returned, known_epoch
if known then
    known_at, known_level, known_remainder, known_day, known_granted, known_returned, known_epoch =
        unpack(KNOWN, ARGV[3])
end
local at, level, remainder = clock, MAX_LEVEL, 0
local day, granted, returned, epoch = -1, 0, 0, 0
local outstanding, earliest = 0, nil
if stored then
    if #stored < STATE_SIZE or stored:byte(1) ~= VERSION then
        return redis.error_reply('UNREADABLE the state is not one of this version of dualkey-redis')
    end
    local _
    _, at, level, remainder, day, granted, returned, epoch = unpack(STATE, stored)
    if #stored > STATE_SIZE then
        outstanding, earliest = unpack(LEASED, stored, STATE_SIZE + 1)
    end
elseif known then
    at, level, remainder = known_at, known_level, known_remainder
end
-- Whether a refusal must write too.
local must_write = false

-- The leases are unpacked only where a call needs them.
local leases
local function read_leases()
    if leases then
        return
    end
    leases = {}
    if not earliest then
        return
    end
    for first = STATE_SIZE + LEASED_SIZE + 1, #stored, LEASE_SIZE do
        local id, permits, ends = unpack(LEASE, stored, first)
        leases[#leases + 1] = { id = id, permits = permits, ends = ends }
    end
end

local function day_of(micros)
    local since = micros + day_offset
    return (since - fmod(since, MICROS_PER_DAY)) / MICROS_PER_DAY
end

-- The bucket holds no more than the burst less what is leased.
local function cut()
    local most = max(burst - outstanding, 0)
    if level >= most then
        level, remainder = most, 0
    end
end

local function refill(till)
    local elapsed = till - at
    local permits, parts = 0, remainder
    if elapsed * rate <= MAX_EXACT - PARTS_PER_PERMIT then
        local accrued = elapsed * rate + remainder
        parts = fmod(accrued, PARTS_PER_PERMIT)
        permits = (accrued - parts) / PARTS_PER_PERMIT
    else
        -- Long division by 15 bits of the time: parts < 2^36.4 and rate < 2^36.4, so each product is exact.
        parts = 0
        for _, weight in ipairs({ 2 ^ 45, 2 ^ 30, 2 ^ 15, 1 }) do
            local chunk = floor(elapsed / weight) % 2 ^ 15
            local accrued = parts * 2 ^ 15 + chunk * rate
            if weight == 1 then
                accrued = accrued + remainder
            end
            parts = fmod(accrued, PARTS_PER_PERMIT)
            permits = permits * 2 ^ 15 + (accrued - parts) / PARTS_PER_PERMIT
        end
    end
    at, level, remainder = till, level + permits, parts
    cut()
end

-- Up to 100 ms back, the bucket stands still. Beyond that, the clock was set back: the state counts as
-- written now.
local back = at - clock
if back > SKEW_TOLERANCE then
    read_leases()
    for _, lease in ipairs(leases) do
        lease.ends = lease.ends - back
    end
    at, day, must_write = clock, day_of(clock), true
end
local now = max(at, clock)

-- Refill up to the end of each lease that has ended, then drop it, then refill up to now: an ended lease
-- keeps its place in the bucket until its end, and no longer.
if earliest and earliest <= now then
    read_leases()
    while leases[1] and leases[1].ends <= now do
        refill(leases[1].ends)
        outstanding = outstanding - leases[1].permits
        table.remove(leases, 1)
    end
end
refill(now)

-- On a new day, only leased permits count.
local today = day_of(now)
if today > day then
    day, granted, returned = today, outstanding, 0
end

-- The larger of each number: one count of used permits would undo what came back from leases. A later
-- reset replaces the count, and an earlier one does not bring it back.
if known and known_day == day and known_epoch >= epoch then
    local larger_granted, larger_returned = known_granted, known_returned
    if known_epoch == epoch then
        larger_granted, larger_returned = max(granted, known_granted), max(returned, known_returned)
    end
    if known_epoch > epoch or larger_granted > granted or larger_returned > returned then
        granted, returned, epoch, must_write = larger_granted, larger_returned, known_epoch, true
    end
end

-- Permits that both limits leave.
local function available()
    return min(level, max(quota - max(granted - returned, 0), 0))
end

local function spend(permits)
    level = level - permits
    granted = min(granted + permits, MAX_COUNT)
    must_write = must_write or permits > 0
end

-- A lease shrinks to what is kept. What it loses and is given back returns to bucket and day.
local function settle(id, keep, give_back)
    read_leases()
    for index, lease in ipairs(leases) do
        if lease.id == id then
            keep = min(lease.permits, keep)
            local lost = lease.permits - keep
            give_back = min(lost, give_back)
            lease.permits = keep
            if keep == 0 then
                table.remove(leases, index)
            end
            outstanding = outstanding - lost
            level = level + give_back
            cut()
            returned = min(returned + give_back, MAX_COUNT)
            must_write = must_write or lost > 0
            return
        end
    end
end

-- Both limits are spent, or neither, for each caller in turn.
local function take(permits, count)
    local callers = count
    if permits > 0 then
        callers = min(count, floor(available() / permits))
    end
    spend(permits * callers)
    return callers
end

-- A lease ends with its lifetime, or with the day.
local function lease(id, permits)
    read_leases()
    permits = min(permits, available())
    if permits == 0 or #leases >= MAX_LEASES then
        return 0, 0
    end
    for _, other in ipairs(leases) do
        if other.id == id then
            return 0, 0
        end
    end
    local ends = min(at + lifetime, (day + 1) * MICROS_PER_DAY - day_offset)
    local place = #leases + 1
    while place > 1 and leases[place - 1].ends > ends do
        place = place - 1
    end
    table.insert(leases, place, { id = id, permits = permits, ends = ends })
    outstanding = outstanding + permits
    spend(permits)
    return permits, ends - at
end

local leased, leased_for = 0, 0
local callers = {}
if action == 'take' then
    for first = 1, #ARGV[5], SETTLEMENT_SIZE do
        settle(unpack(SETTLEMENT, ARGV[5], first))
    end
    for first = 1, #ARGV[6], RUN_SIZE do
        callers[#callers + 1] = take(unpack(RUN, ARGV[6], first))
    end
    if ARGV[7] ~= '' then
        leased, leased_for = lease(unpack('<c8I4', ARGV[7]))
    end
elseif action == 'reset' then
    level = MAX_LEVEL
    cut()
    granted, returned, epoch, must_write = outstanding, 0, max(epoch + 1, at), true
elseif action == 'add' then
    local usage_day, permits = unpack('<I8I8', ARGV[5])
    if usage_day == day and permits > 0 then
        granted, must_write = min(granted + permits, MAX_COUNT), true
    end
end

-- One write, last: a script that runs out of memory has changed nothing.
if must_write and action ~= 'peek' then
    local state = { pack(STATE, VERSION, at, level, remainder, day, granted, returned, epoch) }
    if outstanding > 0 and not leases then
        state[2] = stored:sub(STATE_SIZE + 1)
    elseif outstanding > 0 then
        state[2] = pack(LEASED, outstanding, leases[1].ends)
        for index, each in ipairs(leases) do
            state[index + 2] = pack(LEASE, each.id, each.permits, each.ends)
        end
    end
    redis.call('SET', KEYS[1], table.concat(state), 'PX', ARGV[2])
end

local reply =
    { clock, at, level, remainder, day, granted, returned, outstanding, epoch, leased, leased_for }
for index = 1, #callers do
    reply[#reply + 1] = callers[index]
end
return reply
