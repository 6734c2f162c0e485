use std::cmp;
use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::time::Duration;

use crate::{LimitPolicy, Outcome, Rate, Refusal, Standing, Timestamp};

/// How many bits the permits in the bucket and the day's count share.
pub(crate) const SHARED_BITS: u32 = 39;
/// Times within the word are finer than the clock's, so that rounding costs the fastest rate no more
/// than a millionth.
const TICKS_PER_NANO: u128 = 1 << 10;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Threads that read one clock may take in another order than they read: within this time a clock
/// stands still rather than runs backwards, else each inversion would refill a little twice.
const JITTER: u128 = 100_000_000 * TICKS_PER_NANO;

/// What a limiter remembers of one caller: the permits left, since when, and the day's count.
///
/// One word of 128 bits, to be saved and restored as such. A policy can change while its caller is
/// live: permits in the bucket are kept, cut to the new burst, and today's count is kept. The time since
/// the last grant counts at the new rate.
///
/// From the top:
///
/// | bits | hold |
/// | --- | --- |
/// | 74 | since when the bucket holds exactly the permits noted, in ticks of 2⁻¹⁰ ns; what came since is a part of a permit, kept as the time it took |
/// | 1 | whether permits were last spent on the day after that time; never later, since no permit takes more than a day to come |
/// | 9 | roughly how long a permit took to come: under another rate, that part of one means nothing |
/// | 5 | where the last 39 are divided |
/// | 39 | the permits in the bucket, and the permits spent on the day on which they were last spent |
///
/// Zero is a caller never seen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LimitState(u128);

impl LimitState {
    /// Spends so many permits at this time from the bucket and from the day, or from neither.
    ///
    /// A refusal leaves the state as it is, with two exceptions that are kept: a state that lies more
    /// than 100 ms ahead of the clock is taken as written now, and so is the part of a permit that was
    /// coming when the rate changed.
    pub fn take(self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> (Self, Outcome) {
        let bucket = Bucket::read(self, policy, now);
        if permits == 0 {
            return (self, Outcome::Allowed(bucket.standing(self, policy)));
        }
        let left = bucket.daily_remaining(policy);
        if bucket.ready >= permits && left.is_none_or(|left| left >= permits) {
            let after = bucket.spend(permits);
            let state = after.write(policy);
            return (state, Outcome::Allowed(after.standing(state, policy)));
        }
        let kept = if bucket.renewed { bucket.write(policy) } else { self };
        let standing = bucket.standing(kept, policy);
        if permits > policy.burst().get() || policy.daily().is_some_and(|d| permits > d.get()) {
            return (kept, Outcome::Unsatisfiable(standing));
        }
        let refill = bucket.until_holds(policy, permits);
        let midnight = bucket.until_day_allows(policy, permits);
        let refusal = Refusal { standing, retry_after: cmp::max(refill, midnight) };
        let outcome = if refill > midnight {
            Outcome::BurstExceeded(refusal)
        } else {
            Outcome::QuotaExceeded(refusal)
        };
        (kept, outcome)
    }

    /// The answer that [`take`](Self::take) would give, without spending. For zero permits, that is
    /// where the caller stands.
    pub fn peek(self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        self.take(policy, now, permits).1
    }

    /// How many permits were spent on the current day; counted even where no quota is set.
    #[must_use]
    pub fn used_today(self, policy: &LimitPolicy, now: Timestamp) -> u32 {
        Bucket::read(self, policy, now).used
    }

    /// This state with another count for the current day, as after a restart.
    #[must_use]
    pub fn with_used_today(self, policy: &LimitPolicy, now: Timestamp, used: u32) -> Self {
        Bucket { used, ..Bucket::read(self, policy, now) }.write(policy)
    }

    /// Whether forgetting this state would change no later answer: the bucket is full and nothing was
    /// spent today.
    #[must_use]
    pub fn is_fresh(self, policy: &LimitPolicy, now: Timestamp) -> bool {
        let bucket = Bucket::read(self, policy, now);
        bucket.ready == policy.burst().get() && bucket.used == 0
    }

    /// The word to save.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// A saved word. Any word is a state.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for LimitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitState({:#034x})", self.0)
    }
}

/// A state as it stands at a time.
#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    now: u64,
    /// Since when the bucket held exactly `level`: what waits are counted from.
    since: u128,
    level: u32,
    /// The same after the permits that came until now.
    ready_since: u128,
    ready: u32,
    day: u64,
    /// What was spent on that day.
    used: u32,
    /// Whether this differs from what was written by more than the time that passed.
    renewed: bool,
}

impl Bucket {
    pub(crate) fn read(state: LimitState, policy: &LimitPolicy, now: Timestamp) -> Self {
        let burst = policy.burst().get();
        if state == LimitState::default() {
            return Self::since_now(now, policy, burst, 0, false);
        }
        let Fields { at, crossed, pace, level, used } = Fields::unpack(state.0);
        let written_day = day_of(nanos(at), policy).saturating_add(u64::from(crossed));
        let day_began = cmp::min(start_of(written_day, policy), u128::from(u64::MAX));
        let written = cmp::max(at, day_began.saturating_mul(TICKS_PER_NANO));
        let now_ticks = ticks(now.as_nanos());
        if written.saturating_sub(now_ticks) > JITTER {
            return Self::since_now(now, policy, cmp::min(level, burst), used, true);
        }
        let then = cmp::max(written, now_ticks);
        let renewed = pace != policy.pace();
        let since = if renewed { cmp::min(then, pace.after(at)) } else { at };
        let (ready_since, ready) = refilled(since, level, policy, then);
        // Waits are counted from what is written, and a renewed state is.
        let (since, level) = if renewed { (ready_since, ready) } else { (since, level) };
        let now = now.as_nanos();
        // A comparison where the division would mostly say that it is the same day.
        let is_same_day = u128::from(now) < start_of(written_day.saturating_add(1), policy);
        let (day, used) = if is_same_day { (written_day, used) } else { (day_of(now, policy), 0) };
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

    fn spend(self, permits: u32) -> Self {
        let ready = self.ready.saturating_sub(permits);
        let used = self.used.saturating_add(permits);
        Self { since: self.ready_since, level: ready, ready, used, ..self }
    }

    fn write(&self, policy: &LimitPolicy) -> LimitState {
        let at = self.ready_since;
        let crossed = u128::from(nanos(at)) < start_of(self.day, policy);
        let pace = policy.pace();
        let fields = Fields { at, crossed, pace, level: self.ready, used: self.used };
        LimitState(fields.pack(policy.burst().get()))
    }

    fn standing(&self, state: LimitState, policy: &LimitPolicy) -> Standing {
        Standing {
            burst_remaining: self.ready,
            daily_remaining: self.daily_remaining(policy),
            state,
            policy: *policy,
            now: Timestamp::from_nanos(self.now),
        }
    }

    fn daily_remaining(&self, policy: &LimitPolicy) -> Option<u32> {
        policy.daily().map(|daily| daily.get().saturating_sub(self.used))
    }

    /// Rounded up to the nanosecond: at the one before, the last permit has not come.
    pub(crate) fn until_holds(&self, policy: &LimitPolicy, permits: u32) -> Duration {
        if self.ready >= permits {
            return Duration::ZERO;
        }
        let refill = time_for(permits.saturating_sub(self.level), policy);
        let last_tick = TICKS_PER_NANO.saturating_sub(1);
        let then = self.since.saturating_add(refill).saturating_add(last_tick) / TICKS_PER_NANO;
        duration(then.saturating_sub(u128::from(self.now)))
    }

    fn until_day_allows(&self, policy: &LimitPolicy, permits: u32) -> Duration {
        match self.daily_remaining(policy) {
            Some(left) if left < permits => self.until_day_ends(policy),
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn until_day_ends(&self, policy: &LimitPolicy) -> Duration {
        let end = start_of(self.day.saturating_add(1), policy);
        duration(end.saturating_sub(u128::from(self.now)))
    }
}

/// The whole permits that came since, and the time at which the last of them did. A bucket that is
/// full has no memory of when it became so.
fn refilled(since: u128, level: u32, policy: &LimitPolicy, then: u128) -> (u128, u32) {
    let burst = policy.burst().get();
    let missing = burst.saturating_sub(level);
    if missing == 0 {
        return (then, burst);
    }
    let rate = policy.rate();
    let share = then.saturating_sub(since).saturating_mul(u128::from(rate.permits().get()));
    if share < u128::from(rate.period_ticks().get()) {
        return (since, level);
    }
    match u32::try_from(quotient(share, rate.period_ticks())) {
        Ok(came) if came < missing => {
            (since.saturating_add(time_for(came, policy)), level.saturating_add(came))
        }
        _ => (then, burst),
    }
}

/// The ticks in which so many permits come, rounded up.
fn time_for(permits: u32, policy: &LimitPolicy) -> u128 {
    let rate = policy.rate();
    let time = u128::from(permits).saturating_mul(u128::from(rate.period_ticks().get()));
    let rounding = u128::from(rate.permits().get().saturating_sub(1));
    quotient(time.saturating_add(rounding), rate.permits().into())
}

/// The usual numbers have 64 bits, for which division is many times faster.
fn quotient(dividend: u128, divisor: NonZeroU64) -> u128 {
    match u64::try_from(dividend) {
        Ok(dividend) => u128::from(dividend / divisor),
        Err(_) => dividend / NonZeroU128::from(divisor),
    }
}

fn duration(nanos: u128) -> Duration {
    match u64::try_from(nanos) {
        Ok(nanos) => Duration::from_nanos(nanos),
        Err(_) => Duration::from_nanos_u128(nanos),
    }
}

fn ticks(nanos: u64) -> u128 {
    u128::from(nanos).saturating_mul(TICKS_PER_NANO)
}

fn nanos(ticks: u128) -> u64 {
    u64::try_from(ticks / TICKS_PER_NANO).unwrap_or(u64::MAX)
}

/// Days are counted from the one before the epoch, so that no offset makes their number negative.
fn day_of(nanos: u64, policy: &LimitPolicy) -> u64 {
    (nanos / NANOS_PER_SECOND).saturating_add(before_epoch(policy)) / SECONDS_PER_DAY
}

/// The first nanosecond of this day, or the epoch if the day began before it.
fn start_of(day: u64, policy: &LimitPolicy) -> u128 {
    let seconds = day.saturating_mul(SECONDS_PER_DAY).saturating_sub(before_epoch(policy));
    u128::from(seconds).saturating_mul(u128::from(NANOS_PER_SECOND))
}

/// Seconds from the beginning of day 0 to the epoch.
fn before_epoch(policy: &LimitPolicy) -> u64 {
    SECONDS_PER_DAY.saturating_add_signed(i64::from(policy.day_offset()))
}

/// About how many ticks a permit takes to come: a power of two, and three bits behind its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pace(u16);

impl Pace {
    /// Computed once per policy: it takes a division.
    #[expect(clippy::cast_possible_truncation, reason = "a power has 6 bits, and three follow")]
    pub(crate) const fn of(rate: Rate) -> Self {
        let time = rate.period_ticks().get().div_ceil(rate.permits().get() as u64);
        let power = time.ilog2();
        let eighths = ((time as u128) << 3 >> power & 7) as u16;
        Self((power as u16) << 3 | eighths)
    }

    /// A time at which a permit that began to come at `at` has come for certain.
    fn after(self, at: u128) -> u128 {
        let eighths = u128::from(self.0 & 7).saturating_add(9);
        at.saturating_add(eighths << (self.0 >> 3) >> 3)
    }
}

/// The parts of the word.
struct Fields {
    at: u128,
    crossed: bool,
    pace: Pace,
    level: u32,
    used: u32,
}

impl Fields {
    const SPLIT_AT: u32 = SHARED_BITS;
    const PACE_AT: u32 = Self::SPLIT_AT + 5;
    const CROSSED_AT: u32 = Self::PACE_AT + 9;
    const TIME_AT: u32 = Self::CROSSED_AT + 1;

    fn unpack(word: u128) -> Self {
        let field = |at, bits| u64::try_from(word >> at & ones(bits)).unwrap_or(u64::MAX);
        let used_bits = used_bits(u32::try_from(field(Self::SPLIT_AT, 5)).unwrap_or(0));
        let level = field(used_bits, SHARED_BITS.saturating_sub(used_bits));
        Self {
            at: word >> Self::TIME_AT,
            crossed: field(Self::CROSSED_AT, 1) == 1,
            pace: Pace(u16::try_from(field(Self::PACE_AT, 9)).unwrap_or(u16::MAX)),
            level: u32::try_from(level).unwrap_or(u32::MAX),
            used: u32::try_from(field(0, used_bits)).unwrap_or(u32::MAX),
        }
    }

    /// The split follows from the burst: the bucket never holds more. A count that does not fit stays
    /// at the largest that does, which no quota beside this burst exceeds.
    fn pack(&self, burst: u32) -> u128 {
        let split = burst.ilog2();
        let used_bits = used_bits(split);
        self.at << Self::TIME_AT
            | u128::from(self.crossed) << Self::CROSSED_AT
            | u128::from(self.pace.0) << Self::PACE_AT
            | u128::from(split) << Self::SPLIT_AT
            | u128::from(self.level) << used_bits
            | cmp::min(u128::from(self.used), ones(used_bits))
    }
}

/// How many bits a day's count has beside a burst of `split + 1` bits.
fn used_bits(split: u32) -> u32 {
    SHARED_BITS.saturating_sub(1).saturating_sub(split)
}

fn ones(bits: u32) -> u128 {
    !(u128::MAX << bits)
}
