//! The bits of a state's word.
//!
//! A word's time is below 2⁷⁴ ticks. Every shift is by a constant or by a field whose values are smaller
//! than the width of the shifted number.
#![expect(clippy::arithmetic_side_effects, reason = "the bounds above rule out overflow")]

use std::num::NonZeroU32;

use crate::rate::Rate;

/// The bits that the permits in the bucket and the day's count share.
pub(crate) const SHARED_BITS: u32 = 39;
/// A tick is 2⁻¹⁰ ns: finer than the clock, so that rounding costs the fastest rate at most a millionth.
pub(crate) const TICK_BITS: u32 = 10;
pub(crate) const TICKS_PER_NANO: u128 = 1 << TICK_BITS;

/// A state: 128 bits, in halves so that a struct with it needs no 16-byte alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    /// The upper 64 bits: the whole nanoseconds of the time.
    pub(crate) high: u64,
    /// The lower 64 bits.
    pub(crate) low: u64,
}

/// A word, and the part of the day's count that does not fit its bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) word: Word,
    /// Zero unless the word's count is full.
    pub(crate) excess: u64,
}

impl Word {
    /// Whether the bits of the day's count are all ones, so that an excess may belong to it.
    #[inline]
    pub(crate) const fn is_count_full(self) -> bool {
        let all = ones(Fields::layout(self).used_bits());
        self.low & all == all
    }
}

/// The unpacked fields of a state's word.
pub(crate) struct Fields {
    /// When the bucket began to hold exactly `level`, in ticks.
    pub(crate) since: u128,
    /// Whether permits were last spent on the day after that of `since`.
    pub(crate) next_day: bool,
    pub(crate) layout: PolicyLayout,
    /// Permits in the bucket.
    pub(crate) level: u32,
    /// Permits spent on the day of the last take.
    pub(crate) used: u64,
}

impl Fields {
    const LAYOUT_SHIFT: u32 = SHARED_BITS;
    const NEXT_DAY_SHIFT: u32 = Self::LAYOUT_SHIFT + PolicyLayout::BITS;
    const TICK_SHIFT: u32 = Self::NEXT_DAY_SHIFT + 1;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut to its type's width")]
    pub(crate) fn unpack(word: Word) -> Self {
        let (Word { high, low }, layout) = (word, Self::layout(word));
        let field = |shift, bits| low >> shift & ones(bits);
        let used_bits = layout.used_bits();
        Self {
            since: ticks(high) | u128::from(low >> Self::TICK_SHIFT),
            next_day: field(Self::NEXT_DAY_SHIFT, 1) == 1,
            layout,
            level: (field(0, SHARED_BITS) >> used_bits) as u32,
            used: field(0, used_bits),
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the layout has fewer bits than its type")]
    const fn layout(word: Word) -> PolicyLayout {
        PolicyLayout((word.low >> Self::LAYOUT_SHIFT & ones(PolicyLayout::BITS)) as u16)
    }

    /// A valid quota with this burst fits the bits of the count.
    #[inline]
    pub(crate) fn pack(&self) -> Record {
        let used_bits = self.layout.used_bits();
        let counted = self.used.min(ones(used_bits));
        let tick = (self.since % TICKS_PER_NANO) as u64;
        let low = tick << Self::TICK_SHIFT
            | u64::from(self.next_day) << Self::NEXT_DAY_SHIFT
            | u64::from(self.layout.0) << Self::LAYOUT_SHIFT
            | u64::from(self.level) << used_bits
            | counted;
        let word = Word { high: nanos(self.since), low };
        Record { word, excess: self.used - counted }
    }
}

/// The part of a word that depends only on its policy.
///
/// From the most significant bit:
///
/// - 9 bits of pace: the ticks per permit as a floating-point number with a 6-bit exponent and a 3-bit
///   mantissa.
/// - 5 bits of split: the binary logarithm of the burst, rounded down. It determines how the permits and
///   the day's count share their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PolicyLayout(u16);

impl PolicyLayout {
    const SPLIT_BITS: u32 = 5;
    const BITS: u32 = 9 + Self::SPLIT_BITS;

    /// The layout of a policy. It is computed once per policy, because that takes a division.
    #[expect(clippy::cast_possible_truncation, reason = "an exponent has 6 bits, a mantissa 3")]
    pub(crate) const fn of(rate: Rate, burst: NonZeroU32) -> Self {
        let time = rate.period_ticks().get().div_ceil(rate.permits().get() as u64);
        let power = time.ilog2();
        let eighths = ((time as u128) << 3 >> power & 7) as u16;
        let pace = (power as u16) << 3 | eighths;
        Self(pace << Self::SPLIT_BITS | burst.ilog2() as u16)
    }

    #[inline]
    pub(crate) const fn is_slower_than(self, other: Self) -> bool {
        self.pace() > other.pace()
    }

    /// An upper bound of the ticks in which a permit accrues.
    pub(crate) const fn permit_ticks(self) -> u128 {
        let (power, eighths) = (self.pace() >> 3, self.pace() & 7);
        (eighths as u128 + 9) << power >> 3
    }

    #[inline]
    const fn pace(self) -> u16 {
        self.0 >> Self::SPLIT_BITS
    }

    /// The bits of the day's count: the shared bits, less those of the burst.
    #[inline]
    const fn used_bits(self) -> u32 {
        SHARED_BITS - 1 - (self.0 as u32 % (1 << Self::SPLIT_BITS))
    }
}

#[inline]
const fn ones(bits: u32) -> u64 {
    !(u64::MAX << bits)
}

/// This time in ticks, below 2⁷⁴.
#[inline]
pub(crate) const fn ticks(nanos: u64) -> u128 {
    (nanos as u128) << TICK_BITS
}

/// The whole nanoseconds of a word's time.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a word's time has 64 bits above its ticks")]
pub(crate) const fn nanos(ticks: u128) -> u64 {
    (ticks >> TICK_BITS) as u64
}
