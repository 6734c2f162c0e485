//! What is checked at each step, and counted for the report.

use std::collections::HashMap;

use crate::bound::Bound;
use crate::clocks::Nanos;
use crate::plan::Plan;

#[derive(Debug)]
pub(crate) struct Checks {
    /// At the time at which the store decides, or a leased permit is spent.
    decided: Bound,
    /// At the time at which a process admits the request.
    arrived: Bound,
    /// A bucket that decides at once, on the same arrivals.
    ideal: Bound,
    quota: Option<u64>,
    /// Permits that were granted or spent.
    by_day: HashMap<i64, u64>,
    /// Permits that left the bucket, leased ones included.
    issued: HashMap<i64, u64>,
    day_allowance: u64,
    pub(crate) totals: Totals,
    /// The effective time in microseconds and the permits of each admission.
    pub(crate) admissions: Vec<(u64, u64)>,
    pub(crate) failure: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) admitted: u64,
    pub(crate) admitted_locally: u64,
    pub(crate) ideal: u64,
    pub(crate) round_trips: u64,
}

impl Checks {
    pub(crate) fn new(plan: &Plan) -> Self {
        let a_second = plan.policies.iter().map(|policy| policy.rate().permits().get()).max();
        let burst = plan.policies.iter().map(|policy| policy.burst().get()).max();
        let (a_second, burst) = (a_second.unwrap_or(0), burst.unwrap_or(0));
        let a_day = u64::from(a_second) * 86_400;
        // The clocks of store and process differ by up to 2 %.
        let slack = plan.deadline / 1_000 * 103 / 100;
        Self {
            decided: Bound::new(a_day, burst, 0, 0),
            arrived: Bound::new(a_day, burst, slack, 0),
            ideal: Bound::new(a_day, burst, 0, 0),
            quota: plan.policies[0].daily().map(|quota| quota.get().into()),
            by_day: HashMap::new(),
            issued: HashMap::new(),
            day_allowance: 0,
            totals: Totals::default(),
            admissions: Vec::new(),
            failure: None,
        }
    }

    pub(crate) fn asked(&mut self, effective: u64, permits: u64) {
        self.totals.asked += 1;
        if self.ideal.try_spend(effective, permits) {
            self.totals.ideal += permits;
        }
    }

    pub(crate) fn decided(&mut self, (now, effective): (Nanos, u64), day: i64, permits: u64) {
        if permits == 0 {
            return;
        }
        if !self.decided.spend(effective, permits) {
            self.fail(now, "more permits than burst + rate × T");
        }
        let of_day = self.by_day.entry(day).or_default();
        *of_day += permits;
        if self.quota.is_some_and(|quota| *of_day > quota + self.day_allowance) {
            self.fail(now, "more permits than the quota of the day");
        }
    }

    pub(crate) fn arrived(&mut self, (now, effective): (Nanos, u64), permits: u64) {
        self.totals.admitted += permits;
        self.admissions.push((effective, permits));
        if !self.arrived.spend(effective, permits) {
            self.fail(now, "more permits than burst + rate × (T + deadline) arrive");
        }
    }

    /// A fault of the store may cost this many permits.
    pub(crate) fn allow(&mut self, permits: u64, of_the_day: u64) {
        self.decided.allow(permits);
        self.arrived.allow(permits);
        self.day_allowance += of_the_day;
    }

    /// Permits may arrive later than a deadline, by as much as the store's clock was set forwards.
    pub(crate) fn allow_late(&mut self, permits: u64) {
        self.arrived.allow(permits);
    }

    pub(crate) fn issued(&mut self, day: i64, permits: u64) {
        *self.issued.entry(day).or_default() += permits;
    }

    /// The permits of a day that were used, and those that the store issued.
    pub(crate) fn of_day(&self, day: i64) -> (u64, u64) {
        let of_day = |counts: &HashMap<i64, u64>| counts.get(&day).copied().unwrap_or(0);
        (of_day(&self.by_day), of_day(&self.issued))
    }

    pub(crate) fn fail(&mut self, now: Nanos, fault: &str) {
        self.failure.get_or_insert_with(|| format!("after {now} ns: {fault}"));
    }
}
