use std::time::Duration;

use dualkey_limit::Timestamp;

/// What one process asked for within the last 100 ms, for one partner: counts in two windows of
/// which the earlier one weighs as much as still overlaps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    window_start: Timestamp,
    current: Counts,
    previous: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    takes: u32,
    permits: u32,
}

impl Demand {
    pub(super) const WINDOW: Duration = Duration::from_millis(100);

    pub(super) fn count_take(&mut self, permits: u32, now: Timestamp) {
        self.slide_to(now);
        self.current.takes = self.current.takes.saturating_add(1);
        self.current.permits = self.current.permits.saturating_add(permits);
    }

    /// Takes within the last 100 ms, granted or not.
    pub(super) fn takes(&mut self, now: Timestamp) -> u32 {
        self.within_window(now, |counts| counts.takes)
    }

    /// Permits of these takes.
    pub(super) fn permits(&mut self, now: Timestamp) -> u32 {
        self.within_window(now, |counts| counts.permits)
    }

    fn within_window(&mut self, now: Timestamp, count: impl Fn(&Counts) -> u32) -> u32 {
        self.slide_to(now);
        let elapsed = now.saturating_duration_since(self.window_start);
        let overlap = Self::WINDOW.saturating_sub(elapsed).as_nanos();
        let weighted = u128::from(count(&self.previous)) * overlap / Self::WINDOW.as_nanos();
        count(&self.current).saturating_add(u32::try_from(weighted).unwrap_or(u32::MAX))
    }

    fn slide_to(&mut self, now: Timestamp) {
        let elapsed = now.saturating_duration_since(self.window_start);
        if elapsed < Self::WINDOW {
            return;
        }
        let is_next = elapsed < 2 * Self::WINDOW;
        self.previous = if is_next { self.current } else { Counts::default() };
        self.window_start =
            if is_next { self.window_start.saturating_add(Self::WINDOW) } else { now };
        self.current = Counts::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000).saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn the_earlier_window_counts_by_its_overlap() {
        let mut demand = Demand::default();
        for _ in 0..10 {
            demand.count_take(3, at(0));
        }
        assert_eq!((demand.takes(at(0)), demand.permits(at(99))), (10, 30));
        demand.count_take(1, at(150));
        assert_eq!((demand.takes(at(150)), demand.permits(at(150))), (6, 16));
        assert_eq!(demand.takes(at(350)), 0);
    }
}
