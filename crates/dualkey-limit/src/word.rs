use std::num::NonZeroU32;

use crate::{LimitState, Rate};

/// How many bits the permits in the bucket and the day's count share.
pub(crate) const SHARED_BITS: u32 = 39;
/// Times within the word are finer than the clock's, so that rounding costs the fastest rate no more
/// than a millionth.
pub(crate) const TICK_BITS: u32 = 10;
pub(crate) const TICKS_PER_NANO: u128 = 1 << TICK_BITS;

/// The parts of a state's word.
pub(crate) struct Fields {
    /// In ticks.
    pub(crate) at: u128,
    pub(crate) crossed: bool,
    pub(crate) shape: Shape,
    pub(crate) level: u32,
    pub(crate) used: u32,
}

impl Fields {
    const SHAPE_AT: u32 = SHARED_BITS;
    const CROSSED_AT: u32 = Self::SHAPE_AT + Shape::BITS;
    const TICK_AT: u32 = Self::CROSSED_AT + 1;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each is cut to what its type holds")]
    pub(crate) fn unpack(LimitState { high, low }: LimitState) -> Self {
        let field = |at, bits| low >> at & ones(bits);
        let shape = Shape(field(Self::SHAPE_AT, Shape::BITS) as u16);
        let used_bits = shape.used_bits();
        Self {
            at: ticks(high) | u128::from(low >> Self::TICK_AT),
            crossed: field(Self::CROSSED_AT, 1) == 1,
            shape,
            level: (field(0, SHARED_BITS) >> used_bits) as u32,
            used: field(0, used_bits).min(u32::MAX.into()) as u32,
        }
    }

    /// A count that does not fit stays at the largest that does, which no quota beside this burst
    /// exceeds.
    #[inline]
    pub(crate) fn pack(&self) -> LimitState {
        let used_bits = self.shape.used_bits();
        let tick = (self.at % TICKS_PER_NANO) as u64;
        let low = tick << Self::TICK_AT
            | u64::from(self.crossed) << Self::CROSSED_AT
            | u64::from(self.shape.0) << Self::SHAPE_AT
            | u64::from(self.level) << used_bits
            | u64::from(self.used).min(ones(used_bits));
        LimitState { high: nanos(self.at), low }
    }
}

/// What of a word follows from the policy under which it is written: from the top, 9 bits that say
/// roughly how many ticks a permit takes to come, a power of two and three bits behind its first; and
/// 5 bits that say where permits and count are divided, which is the power of two in the burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape(u16);

impl Shape {
    const SPLIT_BITS: u32 = 5;
    const BITS: u32 = 9 + Self::SPLIT_BITS;

    /// Computed once per policy: it takes a division.
    #[expect(clippy::cast_possible_truncation, reason = "a power has 6 bits, and three follow")]
    pub(crate) const fn of(rate: Rate, burst: NonZeroU32) -> Self {
        let time = rate.period_ticks().get().div_ceil(rate.permits().get() as u64);
        let power = time.ilog2();
        let eighths = ((time as u128) << 3 >> power & 7) as u16;
        let pace = (power as u16) << 3 | eighths;
        Self(pace << Self::SPLIT_BITS | burst.ilog2() as u16)
    }

    #[inline]
    pub(crate) const fn has_pace_of(self, other: Self) -> bool {
        self.pace() == other.pace()
    }

    /// A time at which a permit that began to come at `at` has come for certain.
    pub(crate) const fn after(self, at: u128) -> u128 {
        let (power, eighths) = (self.pace() >> 3, self.pace() & 7);
        at + ((eighths as u128 + 9) << power >> 3)
    }

    #[inline]
    const fn pace(self) -> u16 {
        self.0 >> Self::SPLIT_BITS
    }

    /// How many bits the count has beside permits of as many bits as the burst.
    #[inline]
    const fn used_bits(self) -> u32 {
        SHARED_BITS - 1 - (self.0 as u32 % (1 << Self::SPLIT_BITS))
    }
}

#[inline]
const fn ones(bits: u32) -> u64 {
    !(u64::MAX << bits)
}

/// Below 2⁷⁴.
#[inline]
pub(crate) const fn ticks(nanos: u64) -> u128 {
    (nanos as u128) << TICK_BITS
}

/// Whole nanoseconds of a time that a word holds.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a word's time has 64 bits more than a tick")]
pub(crate) const fn nanos(ticks: u128) -> u64 {
    (ticks >> TICK_BITS) as u64
}
