//! Faults of processes, clocks and the store.

use rand::RngExt as _;

use crate::plan::MILLI;
use crate::world::World;

impl World {
    pub(crate) fn crash(&mut self) {
        let process = self.random.random_range(0..self.processes.len());
        let crashed = &mut self.processes[process];
        self.checks.totals.answered += crashed.waiting.len() as u64;
        if let Some(call) = crashed.under_way {
            let call = &mut self.calls[call];
            call.is_over = true;
            self.checks.totals.answered += call.tickets.len() as u64;
        }
        crashed.restart(self.random.random());
        self.connect(process);
    }

    pub(crate) fn step_process_clock(&mut self) {
        let process = self.random.random_range(0..self.processes.len());
        let most = [100_000, 100_000_000, 3_600_000_000_000_i64][self.random.random_range(0..3)];
        let by = self.random.random_range(-most..=most);
        self.processes[process].clock.set(by);
    }

    /// What a step forward brings, and the leases that end too early, are beyond the bound.
    pub(crate) fn step_store_clock(&mut self) {
        let outstanding = self.store.peek(self.now, &self.policy()).outstanding;
        let most = [1_000, 100_000, 10_000_000_i64][self.random.random_range(0..3)];
        let by = self.random.random_range(-most..=most);
        self.store.time.set(self.now, by);
        // A call that is under way may arrive by as much later.
        let accrued =
            u64::from(self.policy().rate().permits().get()) * by.unsigned_abs() / 1_000_000;
        let burst = self.plan.policies.iter().map(|policy| policy.burst().get()).max();
        let accrued = accrued.min(burst.unwrap_or(0).into()) + 1;
        self.checks.allow_late(accrued);
        self.checks.allow(outstanding.into(), 0);
    }

    pub(crate) fn stop_store(&mut self) {
        let time = self.random.random_range(10 * MILLI..800 * MILLI);
        self.store.stopped_until = self.now + time;
    }

    /// At most what the bucket held and what is leased is admitted once more, and of the day what is forgotten.
    pub(crate) fn lose_state(&mut self, writes: Option<usize>) {
        let policy = self.policy();
        let before = self.store.peek(self.now, &policy);
        self.store.forget(writes);
        let after = self.store.peek(self.now, &policy);
        let burst = self.plan.policies.iter().map(|policy| policy.burst().get()).max();
        let permits = u64::from(burst.unwrap_or(0)) + u64::from(before.outstanding);
        self.checks.allow(permits, before.granted.saturating_sub(after.granted));
    }
}
