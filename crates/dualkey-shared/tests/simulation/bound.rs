//! The bound, checked exactly.

/// Checks `burst + rate × T` over every window at once: a bucket of exact integers that starts full, from which
/// everything that was granted is spent, falls below zero just when some window holds too much.
///
/// Times are microseconds, and a permit is 86,400,000,000 parts, so that a microsecond brings as many parts as
/// the rate brings permits a day.
#[derive(Debug)]
pub(crate) struct Bound {
    permits_a_day: u64,
    capacity: u128,
    parts: u128,
    at: u64,
    /// Permits beyond the bound that a fault allows.
    allowance: u64,
}

const PARTS_PER_PERMIT: u128 = 86_400_000_000;

impl Bound {
    /// A bound on `burst` permits, and what the rate brings within `slack` microseconds.
    pub(crate) fn new(permits_a_day: u64, burst: u32, slack: u64, at: u64) -> Self {
        let slack = u128::from(permits_a_day) * u128::from(slack);
        let capacity = u128::from(burst) * PARTS_PER_PERMIT + slack;
        Self { permits_a_day, capacity, parts: capacity, at, allowance: 0 }
    }

    /// A fault may cost this many permits.
    pub(crate) fn allow(&mut self, permits: u64) {
        self.allowance += permits;
    }

    /// Spends permits at a time that is not before the last one. False if that breaks the bound.
    #[must_use]
    pub(crate) fn spend(&mut self, at: u64, permits: u64) -> bool {
        self.refill(at);
        let parts = u128::from(permits) * PARTS_PER_PERMIT;
        let missing = parts.saturating_sub(self.parts).div_ceil(PARTS_PER_PERMIT);
        self.parts = (self.parts + missing * PARTS_PER_PERMIT).saturating_sub(parts);
        let missing = u64::try_from(missing).unwrap_or(u64::MAX);
        let is_kept = missing <= self.allowance;
        self.allowance = self.allowance.saturating_sub(missing);
        is_kept
    }

    /// Spends permits only if the bound is kept.
    pub(crate) fn try_spend(&mut self, at: u64, permits: u64) -> bool {
        self.refill(at);
        let left = self.parts.checked_sub(u128::from(permits) * PARTS_PER_PERMIT);
        self.parts = left.unwrap_or(self.parts);
        left.is_some()
    }

    fn refill(&mut self, at: u64) {
        let accrued = u128::from(at - self.at) * u128::from(self.permits_a_day);
        (self.parts, self.at) = ((self.parts + accrued).min(self.capacity), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: each pair of admissions is a window.
    fn is_kept_by_every_pair(spent: &[(u64, u64)], permits_a_day: u64, burst: u32) -> bool {
        (0..spent.len()).all(|first| {
            (first..spent.len()).all(|last| {
                let sum: u64 = spent[first..=last].iter().map(|&(_, permits)| permits).sum();
                let window = u128::from(spent[last].0 - spent[first].0);
                let most =
                    u128::from(burst) * PARTS_PER_PERMIT + window * u128::from(permits_a_day);
                u128::from(sum) * PARTS_PER_PERMIT <= most
            })
        })
    }

    #[test]
    fn the_bucket_finds_what_a_look_at_every_pair_finds() {
        use rand::rngs::SmallRng;
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = SmallRng::seed_from_u64(1);
        let mut seen = [0; 2];
        for _ in 0..3_000 {
            let (rate, burst) =
                (random.random_range(1..5) * 86_400 * 1_000, random.random_range(1..20));
            let mut at = 0;
            let spent: Vec<_> = (0..random.random_range(1..30))
                .map(|_| {
                    at += random.random_range(0..1_500);
                    (at, random.random_range(1..5_u64).saturating_sub(1))
                })
                .collect();
            let mut bound = Bound::new(rate, burst, 0, 0);
            let is_kept = spent.iter().fold(true, |kept, &(at, n)| bound.spend(at, n) && kept);
            assert_eq!(is_kept, is_kept_by_every_pair(&spent, rate, burst), "{spent:?}");
            seen[usize::from(is_kept)] += 1;
        }
        assert!(seen.iter().all(|&times| times > 100), "{seen:?}");
    }
}
