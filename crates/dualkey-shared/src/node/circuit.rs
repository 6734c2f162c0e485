use std::time::Duration;

use dualkey_limit::Timestamp;

/// Opens after repeated failures, so that not every request waits for a store that does not answer. While
/// it is open, one call a second tries the store, and its success closes it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circuit {
    failures: u32,
    next_try: Timestamp,
}

impl Circuit {
    /// The failures in a row that open it.
    pub(crate) const THRESHOLD: u32 = 3;
    pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

    pub(crate) const fn is_open(&self) -> bool {
        self.failures >= Self::THRESHOLD
    }

    /// Whether the store may be called now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back must not keep it open.
        let latest = now.saturating_add(Self::RETRY_INTERVAL);
        !self.is_open() || self.next_try <= now || self.next_try > latest
    }

    /// Whether to call the store. While the circuit is open, this is true once a second.
    pub(crate) fn allows(&mut self, now: Timestamp) -> bool {
        let is_due = self.is_due(now);
        if is_due && self.is_open() {
            self.next_try = now.saturating_add(Self::RETRY_INTERVAL);
        }
        is_due
    }

    /// The time until the store is tried again.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Duration {
        self.next_try.saturating_duration_since(now).min(Self::RETRY_INTERVAL)
    }

    /// The store answered. True if this closes the circuit.
    pub(crate) fn succeed(&mut self) -> bool {
        let was_open = self.is_open();
        self.failures = 0;
        was_open
    }

    /// The store did not answer. True if this opens the circuit.
    pub(crate) fn fail(&mut self, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.next_try = now.saturating_add(Self::RETRY_INTERVAL);
        self.failures == Self::THRESHOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn it_opens_at_the_third_failure_and_tries_once_a_second() {
        let mut circuit = Circuit::default();
        assert_eq!([circuit.fail(NOW), circuit.fail(NOW)], [false; 2]);
        assert!(circuit.allows(NOW));
        assert!(circuit.fail(NOW));
        assert!(!circuit.allows(NOW));
        let later = NOW.saturating_add(Circuit::RETRY_INTERVAL);
        assert_eq!([circuit.allows(later), circuit.allows(later)], [true, false]);
        assert!(circuit.succeed());
        assert!(circuit.allows(later) && !circuit.succeed());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut circuit = Circuit::default();
        for _ in 0..Circuit::THRESHOLD {
            circuit.fail(NOW);
        }
        assert!(circuit.allows(NOW.saturating_sub(Duration::from_secs(3_600))));
    }
}
