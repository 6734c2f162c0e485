//! A state read at one time under one policy.
//!
//! Times are in ticks and at most 2⁷⁴, permits have 32 bits and periods 57, so no sum or product of
//! them here exceeds 2¹¹⁶. Every difference either saturates or follows the comparison that bounds it.
#![expect(clippy::arithmetic_side_effects, reason = "the bounds above rule out overflow")]

use std::cmp;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::policy::LimitPolicy;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use crate::word::{Fields, PolicyLayout, Record, TICK_BITS, TICKS_PER_NANO, Word, nanos, ticks};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Threads may read the clock in one order and take permits in another. A clock that goes back by at most
/// this, 100 ms, counts as stopped: otherwise each inversion would refill the same time twice.
const SKEW_TOLERANCE: u128 = ticks(100_000_000);

#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    now: u64,
    /// When the bucket began, or begins, to hold exactly `level`, in ticks. Every wait is counted from here.
    since: u128,
    /// Permits in the bucket at `since`.
    level: u32,
    /// When the bucket began to hold exactly `available`, in ticks.
    available_since: u128,
    /// Permits in the bucket now.
    pub(crate) available: u32,
    day: u64,
    /// Permits spent on `day`.
    pub(crate) used: u64,
    /// Whether the clock came back, so that a refusal must write the state too.
    pub(crate) must_write: bool,
}

/// The exact wait for permits, by the limit that takes longer.
pub(crate) enum Wait {
    /// More permits than the burst or the quota ever hold.
    Endless,
    ForBurst(Duration),
    ForQuota(Duration),
}

impl Bucket {
    pub(crate) fn read(record: Record, policy: &LimitPolicy, now: Timestamp) -> Self {
        Self::read_fast(record, policy, now).unwrap_or_else(|| Self::read_slow(record, policy, now))
    }

    /// The fast path, in 64-bit arithmetic. It reads a state that was written under this policy, on the
    /// day of its time, at most 104 days ago and not ahead of the clock, with a count that fits the word.
    /// For others it returns `None`.
    #[inline]
    pub(crate) fn read_fast(record: Record, policy: &LimitPolicy, now: Timestamp) -> Option<Self> {
        let Fields { since, next_day, layout, level, used } = Fields::unpack(record.word);
        let now = now.as_nanos();
        let age = age(since, now)?;
        if next_day || layout != policy.layout() || record.excess > 0 {
            return None;
        }
        let (elapsed, available) = refilled(age.into(), level, policy);
        let available_since = since + elapsed;
        let day = day_of(now, policy);
        let used = if u128::from(nanos(since)) < start_of(day, policy) { 0 } else { used };
        Some(Self { now, since, level, available_since, available, day, used, must_write: false })
    }

    pub(crate) fn read_slow(record: Record, policy: &LimitPolicy, now: Timestamp) -> Self {
        if record.word == Word::default() {
            return Self::since_now(now, policy, policy.burst().get(), 0, false);
        }
        let Fields { since, next_day, layout, level, used } = Fields::unpack(record.word);
        let used = used.saturating_add(record.excess);
        let (written, written_day) = written_at(since, next_day, policy);
        let now_ticks = ticks(now.as_nanos());
        if written > now_ticks + SKEW_TOLERANCE {
            let level = cmp::min(level, policy.burst().get());
            return Self::since_now(now, policy, level, used, true);
        }
        let end = cmp::max(written, now_ticks);
        let (since, level) = permit_under_way(since, level, layout, policy);
        let (available_since, available) = match end.checked_sub(since) {
            Some(passed) => {
                let (elapsed, available) = refilled(passed, level, policy);
                (since + elapsed, available)
            }
            None if level > policy.burst().get() => (end, policy.burst().get()),
            None => (end - carried_over(since - end, layout, policy), level - 1),
        };
        let now = now.as_nanos();
        let today = day_of(now, policy);
        let (day, used) = if today > written_day { (today, 0) } else { (written_day, used) };
        Self { now, since, level, available_since, available, day, used, must_write: false }
    }

    /// [`read`](Self::read), at the time of the state if that is later: a state ahead of the clock is not set
    /// back.
    pub(crate) fn read_no_earlier(record: Record, policy: &LimitPolicy, now: Timestamp) -> Self {
        let Fields { since, next_day, .. } = Fields::unpack(record.word);
        let written = written_at(since, next_day, policy).0.div_ceil(TICKS_PER_NANO);
        let written = Timestamp::from_nanos(u64::try_from(written).unwrap_or(u64::MAX));
        Self::read(record, policy, cmp::max(now, written))
    }

    /// A bucket that holds `level` permits since now.
    pub(crate) fn since_now(
        now: Timestamp,
        policy: &LimitPolicy,
        level: u32,
        used: u64,
        must_write: bool,
    ) -> Self {
        let now = now.as_nanos();
        let (since, day) = (ticks(now), day_of(now, policy));
        let (available_since, available) = (since, level);
        Self { now, since, level, available_since, available, day, used, must_write }
    }

    #[inline]
    pub(crate) fn allows(&self, policy: &LimitPolicy, permits: u32) -> bool {
        let left = self.daily_remaining(policy);
        self.available >= permits && left.is_none_or(|left| left >= permits)
    }

    /// The state after permits are spent that [`allows`](Self::allows) admits.
    #[inline]
    pub(crate) fn write_spent(&self, policy: &LimitPolicy, permits: u32) -> Record {
        let available = self.available - permits;
        let used = self.used.saturating_add(permits.into());
        Self { available, used, ..*self }.write(policy)
    }

    pub(crate) fn with_used(self, used: u64) -> Self {
        Self { used, ..self }
    }

    #[inline]
    pub(crate) fn write(&self, policy: &LimitPolicy) -> Record {
        let since = self.available_since;
        let next_day = u128::from(nanos(since)) < start_of(self.day, policy);
        let layout = policy.layout();
        Fields { since, next_day, layout, level: self.available, used: self.used }.pack()
    }

    /// The state under another policy: the same permits, up to the new burst, the same part of the permit
    /// under way, rounded down, and the same count.
    pub(crate) fn write_under(&self, from: &LimitPolicy, to: &LimitPolicy) -> Record {
        let now = ticks(self.now);
        let (available, accrued) = if self.available < to.burst().get() {
            let passed = now.saturating_sub(self.available_since);
            (self.available, time_for_same_part(passed, from.rate(), to.rate()))
        } else {
            (to.burst().get(), 0)
        };
        let available_since = now.saturating_sub(accrued);
        let day = day_of(self.now, to);
        Self { available_since, available, day, ..*self }.write(to)
    }

    /// The wait for permits that [`allows`](Self::allows) does not admit.
    pub(crate) fn wait(&self, policy: &LimitPolicy, permits: u32) -> Wait {
        let quota = policy.daily().map_or(u32::MAX, NonZeroU32::get);
        if permits > cmp::min(policy.burst().get(), quota) {
            return Wait::Endless;
        }
        let refill = self.nanos_until_holds(policy, permits);
        let midnight = match self.daily_remaining(policy) {
            Some(left) if left < permits => self.nanos_until_day_ends(policy),
            _ => 0,
        };
        if refill > midnight {
            Wait::ForBurst(duration(refill))
        } else {
            Wait::ForQuota(duration(midnight))
        }
    }

    /// Time until the bucket is full and nothing was spent on the day.
    #[cfg(feature = "keyed")]
    pub(crate) fn until_fresh(&self, policy: &LimitPolicy) -> Duration {
        let day = if self.used > 0 { self.until_day_ends(policy) } else { Duration::ZERO };
        cmp::max(day, self.until_full(policy))
    }

    pub(crate) fn until_full(&self, policy: &LimitPolicy) -> Duration {
        duration(self.nanos_until_holds(policy, policy.burst().get()))
    }

    pub(crate) fn until_day_ends(&self, policy: &LimitPolicy) -> Duration {
        duration(self.nanos_until_day_ends(policy))
    }

    #[inline]
    pub(crate) fn daily_remaining(&self, policy: &LimitPolicy) -> Option<u32> {
        let used = u32::try_from(self.used).unwrap_or(u32::MAX);
        policy.daily().map(|daily| daily.get().saturating_sub(used))
    }

    /// The time until the bucket holds this many permits, rounded up: one nanosecond earlier, the last
    /// permit is still missing.
    fn nanos_until_holds(&self, policy: &LimitPolicy, permits: u32) -> u128 {
        if self.available >= permits {
            return 0;
        }
        let filled_at = self.since + time_for(permits.saturating_sub(self.level), policy);
        filled_at.div_ceil(TICKS_PER_NANO).saturating_sub(self.now.into())
    }

    fn nanos_until_day_ends(&self, policy: &LimitPolicy) -> u128 {
        start_of(self.day + 1, policy).saturating_sub(self.now.into())
    }
}

/// The ticks from `since` to `now`, or `None` if `since` is later or at least 2⁵³ ns (104 days) earlier.
#[inline]
fn age(since: u128, now: u64) -> Option<u64> {
    let nanos = now.checked_sub(nanos(since))?;
    let fraction = (since % TICKS_PER_NANO) as u64;
    (nanos >> 53 == 0).then(|| (nanos << TICK_BITS).saturating_sub(fraction))
}

/// The earliest time at which a state may have been written, in ticks: its own, or the start of the day of
/// its count. And that day.
fn written_at(since: u128, next_day: bool, policy: &LimitPolicy) -> (u128, u64) {
    let day = day_of(nanos(since), policy) + u64::from(next_day);
    let day_start = u64::try_from(start_of(day, policy)).unwrap_or(u64::MAX);
    (cmp::max(since, ticks(day_start)), day)
}

/// The time since which a bucket fills at the rate of this policy, and its permits then. The time in a
/// state is that of the last whole permit before the last grant. So under a faster rate, the permit that
/// was under way completes at the old pace.
fn permit_under_way(
    since: u128,
    level: u32,
    layout: PolicyLayout,
    policy: &LimitPolicy,
) -> (u128, u32) {
    if layout.is_slower_than(policy.layout()) {
        (since + layout.permit_ticks(), level.saturating_add(1))
    } else {
        (since, level)
    }
}

/// The ticks in which the rate `to` brings the part of a permit that comes in `passed` ticks at the rate
/// `from`, rounded down. That part is less than a permit, so `passed` permits have fewer than 57 bits.
fn time_for_same_part(passed: u128, from: Rate, to: Rate) -> u128 {
    let scale = |rate: Rate, other: Rate| {
        u128::from(rate.permits().get()) * u128::from(other.period_ticks().get())
    };
    passed * scale(from, to) / scale(to, from)
}

/// The ticks in which the policy's rate brings the part of a permit that has come at the old pace, rounded
/// down. The permit is complete after `missing` ticks.
fn carried_over(missing: u128, layout: PolicyLayout, policy: &LimitPolicy) -> u128 {
    let (permit, rate) = (layout.permit_ticks(), policy.rate());
    let faster = u128::from(rate.period_ticks().get() / u64::from(rate.permits().get()));
    permit.saturating_sub(missing) * faster / permit
}

/// The ticks until the last whole permit accrued, and the permits in the bucket then. For a full bucket,
/// these are all the ticks that passed.
#[inline]
fn refilled(passed: u128, level: u32, policy: &LimitPolicy) -> (u128, u32) {
    let burst = policy.burst().get();
    let (permits, period) = (policy.rate().permits(), policy.rate().period_ticks());
    // Exact fractions: a permit is `period` parts, and `permits` parts accrue in each tick.
    let parts = passed * u128::from(permits.get());
    let missing = burst.saturating_sub(level);
    if parts >= u128::from(missing) * u128::from(period.get()) {
        return (passed, burst);
    }
    if parts < u128::from(period.get()) {
        return (0, level);
    }
    let (accrued, rest) = div_rem(parts, period);
    (passed - u128::from(rest / NonZeroU64::from(permits)), level + accrued)
}

/// Quotient and remainder. The usual operands fit 64 bits, where division is many times faster.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the quotient is below the missing permits, which have 32 bits"
)]
fn div_rem(parts: u128, period: NonZeroU64) -> (u32, u64) {
    match u64::try_from(parts) {
        Ok(parts) => ((parts / period) as u32, parts % period),
        Err(_) => {
            let period = u128::from(period.get());
            ((parts / period) as u32, (parts % period) as u64)
        }
    }
}

/// The ticks in which this number of permits accrues, rounded up.
fn time_for(permits: u32, policy: &LimitPolicy) -> u128 {
    let rate = policy.rate();
    let time = u128::from(permits) * u128::from(rate.period_ticks().get());
    let parts = time + u128::from(rate.permits().get() - 1);
    match u64::try_from(parts) {
        Ok(parts) => u128::from(parts / NonZeroU64::from(rate.permits())),
        Err(_) => parts / u128::from(rate.permits().get()),
    }
}

fn duration(nanos: u128) -> Duration {
    match u64::try_from(nanos) {
        Ok(nanos) => Duration::from_nanos(nanos),
        Err(_) => Duration::from_nanos_u128(nanos),
    }
}

/// Day 0 is the day before the epoch, so that no UTC offset makes a day negative.
#[inline]
fn day_of(nanos: u64, policy: &LimitPolicy) -> u64 {
    (nanos / NANOS_PER_SECOND + epoch_offset(policy)) / SECONDS_PER_DAY
}

/// The first nanosecond of this day, or the epoch for a day that began before it.
#[inline]
fn start_of(day: u64, policy: &LimitPolicy) -> u128 {
    let seconds = (day * SECONDS_PER_DAY).saturating_sub(epoch_offset(policy));
    u128::from(seconds) * u128::from(NANOS_PER_SECOND)
}

/// Seconds from the start of day 0 to the epoch.
#[inline]
fn epoch_offset(policy: &LimitPolicy) -> u64 {
    SECONDS_PER_DAY.wrapping_add_signed(policy.utc_offset_secs().into())
}
