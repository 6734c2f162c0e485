//! Requests, and the maintenance of a process.

use std::time::Duration;

use dualkey_limit::{LimitPolicy, Outcome, Timestamp};
use dualkey_store::{Lease, SharedTake};
use rand::RngExt as _;

use crate::clocks::Nanos;
use crate::plan::{MILLI, SECOND};
use crate::process::{Hoard, Traffic};
use crate::world::{Event, World};

impl World {
    pub(crate) fn arrive(&mut self, process: usize) {
        if self.now >= self.plan.duration {
            return;
        }
        let next = match self.processes[process].traffic {
            Traffic::Steady { interval } | Traffic::Hoarder { interval } => {
                self.random_time(interval)
            }
            Traffic::Sporadic if self.random.random_bool(0.9) => 5 * MILLI,
            Traffic::Sporadic => 5 * SECOND,
        };
        self.schedule(next, Event::Arrival(process));
        if self.processes[process].hoard.is_none_or(|hoard| hoard.quiet_until < self.now) {
            let permits = self.random.random_range(1..=self.plan.most_permits);
            self.take(process, permits);
        }
    }

    /// A time until the next of events that are independent of each other.
    fn random_time(&mut self, mean: Nanos) -> Nanos {
        let times = -(1.0 - self.random.random::<f64>()).ln();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is random")]
        let nanos = (times * mean as f64) as Nanos;
        nanos
    }

    pub(crate) fn take(&mut self, process: usize, permits: u32) {
        let (policy, effective) = (self.policy(), self.effective());
        self.checks.asked(effective.1, permits.into());
        let asking = &mut self.processes[process];
        asking.asked += u64::from(permits);
        let now = asking.clock.now(self.now);
        if let Some(outcome) = asking.node.try_take(&policy, now, permits) {
            self.checks.totals.answered += 1;
            if outcome.is_allowed() {
                asking.admitted += u64::from(permits);
                self.checks.decided(effective, self.day(), permits.into());
                self.checks.arrived(effective, permits.into());
            }
        } else if asking.node.may_call(now) {
            let ticket = asking.batch.join(permits);
            asking.waiting.push(ticket);
            if asking.under_way.is_none() {
                self.begin_call(process);
            }
        } else {
            self.take_locally(process, &policy, permits);
        }
    }

    pub(crate) fn take_locally(&mut self, process: usize, policy: &LimitPolicy, permits: u32) {
        let asking = &mut self.processes[process];
        let now = asking.clock.now(self.now);
        let outcome = asking.node.take_locally(policy, now, permits, self.plan.outages);
        self.checks.totals.answered += 1;
        if outcome.as_ref().is_some_and(Outcome::is_allowed) {
            self.checks.totals.admitted_locally += u64::from(permits);
        }
    }

    /// A hoarder keeps a lease that it asked for at one time of its clock and that the store granted at
    /// another time of the store's clock.
    pub(crate) fn hoard(
        &mut self,
        process: usize,
        lease: &Lease,
        (begun_at, granted_at): (Timestamp, Timestamp),
    ) {
        let last = Duration::from_micros(self.random.random_range(1..=60));
        let hoarder = &mut self.processes[process];
        if !matches!(hoarder.traffic, Traffic::Hoarder { .. }) || self.now >= self.plan.duration {
            return;
        }
        let since = hoarder.clock.now(self.now).saturating_duration_since(begun_at);
        let left = lease.usable_for().saturating_sub(since + last);
        let spend_at = hoarder.clock.after(self.now, nanos(left));
        let mut quiet_until = spend_at;
        if self.plan.has_raids && self.random.random() {
            // The store is not called before the lease has ended, and then for all that it has.
            let end = granted_at.saturating_add(lease.lifetime);
            let wall = Timestamp::from_nanos(self.store.time.wall(self.now) * 1_000);
            let left = nanos(end.saturating_duration_since(wall).mul_f64(1.011));
            self.schedule(left, Event::Raid);
            quiet_until = self.now + left;
        }
        self.processes[process].hoard =
            Some(Hoard { permits: lease.permits, spend_at, quiet_until });
        self.schedule(spend_at - self.now, Event::Spend(process));
    }

    pub(crate) fn spend_hoard(&mut self, process: usize) {
        let Some(hoard) = self.processes[process].hoard else { return };
        for _ in 0..hoard.permits {
            self.take(process, 1);
        }
        if self.plan.has_raids && hoard.quiet_until == hoard.spend_at {
            self.raid();
        }
    }

    /// Takes all that is in the bucket, at once.
    pub(crate) fn raid(&mut self) {
        let (policy, effective) = (self.policy(), self.effective());
        let level = self.store.peek(self.now, &policy).level;
        let take = SharedTake::permits(level.max(1));
        let taken = self.store.take(self.now, (&policy, None), &take);
        let permits = u64::from(level.max(1)) * u64::from(taken.granted[0]);
        self.checks.issued(taken.standing.day, permits);
        self.checks.decided(effective, taken.standing.day, permits);
    }

    pub(crate) fn maintain(&mut self, process: usize) {
        self.schedule(50 * MILLI, Event::Maintenance(process));
        let maintained = &mut self.processes[process];
        let now = maintained.clock.now(self.now);
        let is_hoarding = maintained.hoard.is_some_and(|hoard| self.now <= hoard.quiet_until);
        if !is_hoarding
            && maintained.node.needs_call(now)
            && maintained.under_way.is_none()
            && maintained.node.may_call(now)
        {
            self.begin_call(process);
        }
    }
}

fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).expect("a simulation is short")
}
