-- One call of shared limits, on the state of one partner. It answers as the model does, which is
-- `SharedState` in dualkey-store, and reads like `Bucket` in dualkey-limit.
--
-- Numbers of Lua are doubles: every number here is a whole one below 2^53, so nothing is rounded. A
-- permit is as many parts as a day has microseconds, so a microsecond brings `rate` parts, where the
-- rate is in permits a day. The bucket holds `level` permits and `remainder` parts of the next.
-- `%` divides only such numbers by parts or by microseconds of a day: the quotient has 17 bits, so it is
-- rounded down correctly.
--
-- Each argument, each element of an answer and each local function costs an allocation at each call. So
-- there are few, and what leases need is unpacked and defined only where a call needs it.
--
-- KEYS[1]  the state
-- ARGV[1]  the action, the policy, the server time after which the call is void, the number of the call, the
--          time after which the key expires in milliseconds, the state as the caller knows it, without leases,
--          or nothing, and runs of callers that take
-- ARGV[2]  take: settlements of leases. add: the day, and the permits to count. Absent if there is no
--          argument of leases
-- ARGV[3]  take: the id of a new lease, its permits and its lifetime. Absent if none is requested
--
-- It returns the number of the call, so that no other call takes the answer for its own. Then it returns the
-- server time alone if the call is void. Otherwise it returns the state, without leases. Unless
-- the server time is that of the state, nothing is leased and all callers got their permits, there follow:
-- the server time, the permits that are leased, those of the new lease and its lifetime, and the index of
-- each run that did not get all permits with the number of callers that did.

local TAKE, PEEK, RESET = 0, 1, 2
local CALL = '<I1I5I4I7I5I7c4Bc0Bc0'
-- The state: 39 bytes. With leases, 11 more, and 19 for each, in the order of their ends.
local STATE, STATE_SIZE, VERSION = '<I1I7I4I5I3I6I6I7', 39, 1
local LEASED, LEASED_SIZE, LEASE = '<I4I7', 11, '<c8I4I7'
local PARTS_PER_PERMIT, MICROS_PER_DAY = 86400000000, 86400000000
local MAX_COUNT = 2 ^ 48 - 1
local pack, unpack = struct.pack, struct.unpack

-- Read once: it may move within a script.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]

-- `day_offset`: from the start of day 0 to the epoch. Day 0 is the day before 1970-01-01.
local call, settlements = ARGV[1], ARGV[2]
local action, rate, burst, quota, day_offset, void_after, number, expiry, known, next_run =
    unpack(CALL, call)

-- A call that its caller has given up must not charge.
if clock > void_after then
    return number .. pack('<I7', clock)
end

-- Read the state: as stored; or as the caller knows it, on no day; or a full bucket.
local stored = redis.call('GET', KEYS[1])
local version, at, level, remainder, day, granted, returned, epoch
local outstanding, earliest = 0, nil
if stored then
    if #stored >= STATE_SIZE then
        version, at, level, remainder, day, granted, returned, epoch = unpack(STATE, stored)
    end
    if version ~= VERSION then
        return redis.error_reply('UNREADABLE the state is not one of this version of dualkey-redis')
    end
    if #stored > STATE_SIZE then
        outstanding, earliest = unpack(LEASED, stored, STATE_SIZE + 1)
    end
else
    at, level, remainder = clock, burst, 0
    if known ~= '' then
        version, at, level, remainder = unpack(STATE, known)
    end
    day, granted, returned, epoch = -1, 0, 0, 0
end
-- Whether a refusal must write too.
local must_write = false

-- Up to 100 ms back, the bucket stands still. Beyond that, the clock was set back: the state counts as
-- written now.
local now, back = clock, at - clock
local is_set_back = back > 100000
if back > 0 and not is_set_back then
    now = at
end
local today = now + day_offset
today = (today - today % MICROS_PER_DAY) / MICROS_PER_DAY

local leases
if settlements or earliest and (earliest <= now or is_set_back) then
    leases = {}
    local position = STATE_SIZE + LEASED_SIZE + 1
    while earliest and position <= #stored do
        local lease = {}
        lease.id, lease.permits, lease.ends, position = unpack(LEASE, stored, position)
        leases[#leases + 1] = lease
    end
end

if is_set_back then
    for _, lease in ipairs(leases or {}) do
        lease.ends = lease.ends - back
    end
    at, day, must_write = now, today, true
end

-- Refill up to the end of each lease that has ended, then drop it, then refill up to now: an ended lease
-- keeps its place in the bucket until its end, and no longer.
repeat
    local ended, till = leases and leases[1], now
    if ended and ended.ends <= now then
        till = ended.ends
    else
        ended = nil
    end
    local accrued = (till - at) * rate
    if accrued <= 2 ^ 53 - 86400000000 then
        accrued = accrued + remainder
        remainder = accrued % PARTS_PER_PERMIT
        level = level + (accrued - remainder) / PARTS_PER_PERMIT
    else
        -- Long division by 15 bits of the time: parts < 2^36.4 and rate < 2^36.4, so each product is exact.
        local permits, parts = 0, 0
        for _, weight in ipairs({ 2 ^ 45, 2 ^ 30, 2 ^ 15, 1 }) do
            local chunk = math.floor((till - at) / weight) % 2 ^ 15
            accrued = parts * 2 ^ 15 + chunk * rate
            if weight == 1 then
                accrued = accrued + remainder
            end
            parts = accrued % PARTS_PER_PERMIT
            permits = permits * 2 ^ 15 + (accrued - parts) / PARTS_PER_PERMIT
        end
        level, remainder = level + permits, parts
    end
    at = till
    -- The bucket holds no more than the burst less what is leased.
    if level >= burst - outstanding then
        level, remainder = math.max(burst - outstanding, 0), 0
    end
    if ended then
        outstanding = outstanding - ended.permits
        table.remove(leases, 1)
    end
until not ended

-- On a new day, only leased permits count.
if today > day then
    day, granted, returned = today, outstanding, 0
end

-- The larger of each number: one count of used permits would undo what came back from leases. A later
-- reset replaces the count, and an earlier one does not bring it back.
if known ~= '' and known ~= stored then
    local _, _, _, _, known_day, known_granted, known_returned, known_epoch = unpack(STATE, known)
    if known_day == day and known_epoch >= epoch then
        if known_epoch == epoch then
            known_granted = math.max(granted, known_granted)
            known_returned = math.max(returned, known_returned)
        end
        if known_epoch > epoch or known_granted > granted or known_returned > returned then
            granted, returned, epoch, must_write = known_granted, known_returned, known_epoch, true
        end
    end
end

-- A lease shrinks to what is kept. What it loses and is given back returns to bucket and day.
if action == TAKE and settlements then
    local position = 1
    while position <= #settlements do
        local id, keep, give_back
        id, keep, give_back, position = unpack('<c8I4I4', settlements, position)
        for index, lease in ipairs(leases) do
            if lease.id == id then
                keep = math.min(lease.permits, keep)
                local lost = lease.permits - keep
                give_back = math.min(lost, give_back)
                lease.permits = keep
                if keep == 0 then
                    table.remove(leases, index)
                end
                outstanding = outstanding - lost
                level = level + give_back
                if level >= burst - outstanding then
                    level, remainder = math.max(burst - outstanding, 0), 0
                end
                returned = math.min(returned + give_back, MAX_COUNT)
                must_write = must_write or lost > 0
                break
            end
        end
    end
end

-- Both limits are spent, or neither, for each caller in turn.
local short, run = '', 0
while next_run <= #call do
    local permits, count
    permits, count, next_run = unpack('<I4I4', call, next_run)
    local spent, left = permits * count, quota
    if granted > returned then
        left = left - (granted - returned)
    end
    if spent > 0 and (spent > level or spent > left) then
        local available = math.max(math.min(level, left), 0)
        spent = available - available % permits
        short = short .. pack('<I4I4', run, spent / permits)
    end
    if spent > 0 then
        level, granted, must_write = level - spent, granted + spent, true
        if granted > MAX_COUNT then
            granted = MAX_COUNT
        end
    end
    run = run + 1
end

-- A lease ends with its lifetime, or with the day.
local leased, leased_for = 0, 0
if action == TAKE and ARGV[3] then
    local id, permits, lifetime = unpack('<c8I4I4', ARGV[3])
    local ends = math.min(at + lifetime, (day + 1) * MICROS_PER_DAY - day_offset)
    local place, is_used = #leases + 1, false
    for index, other in ipairs(leases) do
        is_used = is_used or other.id == id
        if other.ends > ends then
            place = math.min(place, index)
        end
    end
    local left = quota - math.max(granted - returned, 0)
    permits = math.max(math.min(permits, level, left), 0)
    if permits > 0 and #leases < 32 and not is_used then
        table.insert(leases, place, { id = id, permits = permits, ends = ends })
        leased, leased_for, outstanding = permits, ends - at, outstanding + permits
        level, granted, must_write = level - permits, math.min(granted + permits, MAX_COUNT), true
    end
elseif action == RESET then
    level, remainder = math.max(burst - outstanding, 0), 0
    granted, returned, epoch, must_write = outstanding, 0, math.max(epoch + 1, at), true
elseif action > RESET then
    local usage_day, permits = unpack('<I3I6', settlements)
    if usage_day == day and permits > 0 then
        granted, must_write = math.min(granted + permits, MAX_COUNT), true
    end
end

-- One write, last: a script that runs out of memory has changed nothing.
local state = pack(STATE, VERSION, at, level, remainder, day, granted, returned, epoch)
if must_write and action ~= PEEK then
    local to_store = state
    if outstanding > 0 and not leases then
        to_store = state .. stored:sub(STATE_SIZE + 1)
    elseif outstanding > 0 then
        local parts = { state, pack(LEASED, outstanding, leases[1].ends) }
        for index, each in ipairs(leases) do
            parts[index + 2] = pack(LEASE, each.id, each.permits, each.ends)
        end
        to_store = table.concat(parts)
    end
    redis.call('SET', KEYS[1], to_store, 'PX', expiry)
end

if at == clock and outstanding == 0 and short == '' then
    return number .. state
end
return number .. state .. pack('<I7I4I4I4', clock, outstanding, leased, leased_for) .. short
