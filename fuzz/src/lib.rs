//! Support for the fuzz targets: converts bytes to field lines, and numbers to policies.

use std::num::NonZeroU32;

use arbitrary::Arbitrary;
use dualkey_limit::{LimitPolicy, Rate};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Splits bytes into at most three field lines, one per line; so a corpus file is a field's value as
/// it is.
#[must_use]
pub fn field_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)).take(3).collect()
}

/// A request with these lines of one field; none if a line is not a valid field value.
#[must_use]
pub fn request(name: &HeaderName, lines: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line).ok()?);
    }
    Some(headers)
}

/// The period of a [`Rate`].
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Per {
    /// [`Rate::per_second`].
    Second,
    /// [`Rate::per_minute`].
    Minute,
    /// [`Rate::per_hour`].
    Hour,
    /// [`Rate::per_day`].
    Day,
}

impl Per {
    /// The rate of this many permits per period.
    #[must_use]
    pub fn rate(self, permits: NonZeroU32) -> Rate {
        match self {
            Self::Second => Rate::per_second(permits),
            Self::Minute => Rate::per_minute(permits),
            Self::Hour => Rate::per_hour(permits),
            Self::Day => Rate::per_day(permits),
        }
    }
}

/// A number above zero, drawn so that small and large numbers are equally likely.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Number {
    value: u32,
    shift: u8,
}

impl Number {
    fn up_to(self, max: u32) -> NonZeroU32 {
        let number = (self.value >> (self.shift % 32)) % max;
        NonZeroU32::MIN.saturating_add(number)
    }
}

/// The numbers of a valid policy.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Numbers {
    per: Per,
    permits: Number,
    burst: Number,
    daily: Option<Number>,
}

impl Numbers {
    /// The policy of these numbers, without a daily quota if the quota and the burst together are too
    /// large.
    #[must_use]
    pub fn policy(&self) -> LimitPolicy {
        let rate = self.per.rate(self.permits.up_to(1_000_000));
        let policy = LimitPolicy::new(rate, self.burst.up_to(u32::MAX));
        match self.daily {
            Some(daily) => policy.with_daily(daily.up_to(u32::MAX)).unwrap_or(policy),
            None => policy,
        }
    }
}
