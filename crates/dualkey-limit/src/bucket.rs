//! A caller's state as it stands at a time.
//!
//! Times are in ticks, of which the last that a clock shows is below 2⁷⁴, and permits have 32 bits. So
//! the sums and products of them below stay far within 128 bits, and need no check.

use std::cmp;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::word::{Fields, TICK_BITS, TICKS_PER_NANO, nanos, ticks};
use crate::{LimitPolicy, LimitState, Outcome, Refusal, Standing, Timestamp};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Threads that read one clock may take in another order than they read: within this time a clock
/// stands still rather than runs backwards, else each inversion would refill a little twice.
const JITTER: u128 = ticks(100_000_000);

#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    now: u64,
    /// Since when the bucket held exactly `level`: what waits are counted from.
    since: u128,
    level: u32,
    /// The same after the permits that came until now.
    ready_since: u128,
    pub(crate) ready: u32,
    day: u64,
    /// What was spent on that day.
    pub(crate) used: u32,
    /// Whether this differs from what was written by more than the time that passed.
    pub(crate) renewed: bool,
}

impl Bucket {
    pub(crate) fn read(state: LimitState, policy: &LimitPolicy, now: Timestamp) -> Self {
        Self::read_usual(state, policy, now).unwrap_or_else(|| Self::read_any(state, policy, now))
    }

    /// What was written under this policy, not ahead of now nor long ago, and on the day of its time:
    /// it takes no arithmetic of more than 64 bits.
    #[inline]
    pub(crate) fn read_usual(
        state: LimitState,
        policy: &LimitPolicy,
        now: Timestamp,
    ) -> Option<Self> {
        let Fields { at: since, crossed, shape, level, used } = Fields::unpack(state);
        let now = now.as_nanos();
        let age = age(since, now)?;
        if crossed || shape != policy.shape() {
            return None;
        }
        let (took, ready) = refilled(age.into(), level, policy);
        let ready_since = since + took;
        let day = day_of(now, policy);
        let used = if u128::from(nanos(since)) < start_of(day, policy) { 0 } else { used };
        Some(Self { now, since, level, ready_since, ready, day, used, renewed: false })
    }

    fn read_any(state: LimitState, policy: &LimitPolicy, now: Timestamp) -> Self {
        if state == LimitState::default() {
            return Self::since_now(now, policy, policy.burst().get(), 0, false);
        }
        let Fields { at, crossed, shape, level, used } = Fields::unpack(state);
        let written_day = day_of(nanos(at), policy) + u64::from(crossed);
        let day_began = u64::try_from(start_of(written_day, policy)).unwrap_or(u64::MAX);
        let written = cmp::max(at, ticks(day_began));
        let now_ticks = ticks(now.as_nanos());
        if written > now_ticks + JITTER {
            let level = cmp::min(level, policy.burst().get());
            return Self::since_now(now, policy, level, used, true);
        }
        let then = cmp::max(written, now_ticks);
        let renewed = !shape.has_pace_of(policy.shape());
        let since = if renewed { cmp::min(then, shape.after(at)) } else { at };
        let (took, ready) = refilled(then - since, level, policy);
        let ready_since = since + took;
        // Waits are counted from what is written, and a renewed state is.
        let (since, level) = if renewed { (ready_since, ready) } else { (since, level) };
        let now = now.as_nanos();
        let today = day_of(now, policy);
        let (day, used) = if today > written_day { (today, 0) } else { (written_day, used) };
        Self { now, since, level, ready_since, ready, day, used, renewed }
    }

    fn since_now(
        now: Timestamp,
        policy: &LimitPolicy,
        level: u32,
        used: u32,
        renewed: bool,
    ) -> Self {
        let now = now.as_nanos();
        let (since, day) = (ticks(now), day_of(now, policy));
        let (ready_since, ready) = (since, level);
        Self { now, since, level, ready_since, ready, day, used, renewed }
    }

    #[inline]
    pub(crate) fn allows(&self, policy: &LimitPolicy, permits: u32) -> bool {
        let left = self.daily_remaining(policy);
        self.ready >= permits && left.is_none_or(|left| left >= permits)
    }

    /// Spends permits that are there.
    #[inline]
    pub(crate) fn grant(
        self,
        state: &mut LimitState,
        policy: &LimitPolicy,
        permits: u32,
    ) -> Outcome {
        let ready = self.ready - permits;
        let used = self.used.saturating_add(permits);
        let after = Self { since: self.ready_since, level: ready, ready, used, ..self };
        *state = after.write(policy);
        Outcome::Allowed(after.standing(*state, policy))
    }

    pub(crate) fn with_used(self, used: u32) -> Self {
        Self { used, ..self }
    }

    #[inline]
    pub(crate) fn write(&self, policy: &LimitPolicy) -> LimitState {
        let at = self.ready_since;
        let crossed = u128::from(nanos(at)) < start_of(self.day, policy);
        let shape = policy.shape();
        Fields { at, crossed, shape, level: self.ready, used: self.used }.pack()
    }

    #[inline]
    pub(crate) fn standing(&self, state: LimitState, policy: &LimitPolicy) -> Standing {
        Standing { state, policy: *policy, now: Timestamp::from_nanos(self.now) }
    }

    /// Where a caller stands that has an empty bucket, and spent nothing today.
    #[cfg(feature = "keyed")]
    pub(crate) fn empty_standing(policy: &LimitPolicy, now: Timestamp) -> Standing {
        let empty = Self::since_now(now, policy, 0, 0, true);
        empty.standing(empty.write(policy), policy)
    }

    /// What to answer where not all of so many permits are there, and `state` is kept.
    pub(crate) fn refuse(&self, state: LimitState, policy: &LimitPolicy, permits: u32) -> Outcome {
        let standing = self.standing(state, policy);
        let day = policy.daily().map_or(u32::MAX, NonZeroU32::get);
        if permits > cmp::min(policy.burst().get(), day) {
            return Outcome::Unsatisfiable(standing);
        }
        let refill = self.nanos_until_holds(policy, permits);
        let midnight = match self.daily_remaining(policy) {
            Some(left) if left < permits => self.nanos_until_day_ends(policy),
            _ => 0,
        };
        let refusal = Refusal { standing, retry_after: duration(cmp::max(refill, midnight)) };
        if refill > midnight {
            Outcome::BurstExceeded(refusal)
        } else {
            Outcome::QuotaExceeded(refusal)
        }
    }

    pub(crate) fn until_full(&self, policy: &LimitPolicy) -> Duration {
        duration(self.nanos_until_holds(policy, policy.burst().get()))
    }

    pub(crate) fn until_day_ends(&self, policy: &LimitPolicy) -> Duration {
        duration(self.nanos_until_day_ends(policy))
    }

    #[inline]
    pub(crate) fn daily_remaining(&self, policy: &LimitPolicy) -> Option<u32> {
        policy.daily().map(|daily| daily.get().saturating_sub(self.used))
    }

    /// Rounded up: a nanosecond before, the last permit has not come.
    fn nanos_until_holds(&self, policy: &LimitPolicy, permits: u32) -> u128 {
        if self.ready >= permits {
            return 0;
        }
        let then = self.since + time_for(permits.saturating_sub(self.level), policy);
        then.div_ceil(TICKS_PER_NANO).saturating_sub(self.now.into())
    }

    fn nanos_until_day_ends(&self, policy: &LimitPolicy) -> u128 {
        start_of(self.day + 1, policy).saturating_sub(self.now.into())
    }
}

/// How many ticks ago that was, if it is not ahead, nor more than 104 days ago.
#[inline]
fn age(since: u128, now: u64) -> Option<u64> {
    let nanos = now.checked_sub(nanos(since))?;
    let part = (since % TICKS_PER_NANO) as u64;
    (nanos < 1 << 53).then(|| (nanos << TICK_BITS).saturating_sub(part))
}

/// In how many of the ticks that passed the last permit came, and the permits that there are then. A
/// bucket that is full has no memory of when it became so.
#[inline]
fn refilled(passed: u128, level: u32, policy: &LimitPolicy) -> (u128, u32) {
    let burst = policy.burst().get();
    let (permits, period) = (policy.rate().permits(), policy.rate().period_ticks());
    // A tick brings as many parts as a period brings permits, and a permit has a period of parts.
    let parts = passed * u128::from(permits.get());
    let missing = burst.saturating_sub(level);
    if parts >= u128::from(missing) * u128::from(period.get()) {
        return (passed, burst);
    }
    if parts < u128::from(period.get()) {
        return (0, level);
    }
    let (came, rest) = divided(parts, period);
    (passed - u128::from(rest / NonZeroU64::from(permits)), level + came)
}

/// The usual numbers have 64 bits, for which division is many times faster.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "no bucket misses more permits than 32 bits hold"
)]
fn divided(parts: u128, period: NonZeroU64) -> (u32, u64) {
    match u64::try_from(parts) {
        Ok(parts) => ((parts / period) as u32, parts % period),
        Err(_) => {
            let period = u128::from(period.get());
            ((parts / period) as u32, (parts % period) as u64)
        }
    }
}

/// The ticks in which so many permits come, rounded up.
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

/// Days are counted from the one before the epoch, so that no offset makes their number negative.
#[inline]
fn day_of(nanos: u64, policy: &LimitPolicy) -> u64 {
    (nanos / NANOS_PER_SECOND + before_epoch(policy)) / SECONDS_PER_DAY
}

/// The first nanosecond of this day, or the epoch if the day began before it.
#[inline]
fn start_of(day: u64, policy: &LimitPolicy) -> u128 {
    let seconds = (day * SECONDS_PER_DAY).saturating_sub(before_epoch(policy));
    u128::from(seconds) * u128::from(NANOS_PER_SECOND)
}

/// Seconds from the beginning of day 0 to the epoch.
#[inline]
fn before_epoch(policy: &LimitPolicy) -> u64 {
    SECONDS_PER_DAY.wrapping_add_signed(policy.utc_offset_secs().into())
}
