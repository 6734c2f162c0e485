//! The bound, checked over every window of what callers saw.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dualkey_limit::LimitPolicy;
use dualkey_store::{PartnerId, SharedCall, SharedStanding};

/// A permit that was granted at some moment between the call and its answer, both in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) called: u64,
    pub(crate) answered: u64,
}

/// How many permits exceed `burst + rate × T` in some window, whatever the moments at which they were granted.
///
/// A bucket of exact integers starts full. Each admission takes its permit as late as it can, and earlier only
/// from a full bucket, which costs nothing: a permit that is missing when its caller has the answer is one too
/// many. An observer of answers then counts at most `burst + rate × (T + deadline)`.
pub(crate) fn excess(mut admissions: Vec<Admission>, policy: &LimitPolicy) -> u64 {
    admissions.sort_unstable_by_key(|admission| admission.called);
    let mut bucket = Bucket::new(policy, admissions.first().map_or(0, |first| first.called));
    let (mut admissions, mut waiting) =
        (admissions.into_iter().peekable(), BinaryHeap::<Reverse<u64>>::new());
    let mut excess = 0;
    loop {
        let is_next = |next: &Admission| {
            let answered = waiting.peek().map(|&Reverse(answered)| answered);
            answered.is_none_or(|answered| next.called <= answered.min(bucket.full_at()))
        };
        if let Some(Admission { called, answered }) = admissions.next_if(is_next) {
            bucket.refill(called);
            waiting.push(Reverse(answered));
        } else if let Some(Reverse(answered)) = waiting.pop() {
            excess += u64::from(!bucket.take(answered.min(bucket.full_at())));
        } else {
            return excess;
        }
    }
}

/// A microsecond brings as many parts as the rate brings permits a day.
struct Bucket {
    permits_a_day: u128,
    capacity: u128,
    parts: u128,
    at: u64,
}

const PER_PERMIT: u128 = SharedStanding::PARTS_PER_PERMIT as u128;

impl Bucket {
    fn new(policy: &LimitPolicy, at: u64) -> Self {
        let call = SharedCall::new(PartnerId::from_bytes([0; 16]), policy);
        let capacity = u128::from(policy.burst().get()) * PER_PERMIT;
        Self { permits_a_day: call.permits_a_day().into(), capacity, parts: capacity, at }
    }

    fn full_at(&self) -> u64 {
        let missing = (self.capacity - self.parts).div_ceil(self.permits_a_day);
        self.at + u64::try_from(missing).unwrap()
    }

    /// False if no permit is left.
    fn take(&mut self, at: u64) -> bool {
        self.accrue(at);
        let left = self.parts.checked_sub(PER_PERMIT);
        self.parts = left.unwrap_or(self.parts).min(self.capacity);
        left.is_some()
    }

    fn refill(&mut self, at: u64) {
        self.accrue(at);
        self.parts = self.parts.min(self.capacity);
    }

    fn accrue(&mut self, at: u64) {
        let at = at.max(self.at);
        self.parts += u128::from(at - self.at) * self.permits_a_day;
        self.at = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::policy;

    fn granted_at(times: impl IntoIterator<Item = u64>) -> Vec<Admission> {
        times.into_iter().map(|at| Admission { called: at, answered: at }).collect()
    }

    #[test]
    fn what_the_bucket_grants_is_no_excess() {
        let policy = policy(1_000, 10);
        let times = || [0; 10].into_iter().chain((1..100).map(|n| n * 1_000));
        assert_eq!(excess(granted_at(times()), &policy), 0);
        assert_eq!(excess(granted_at(times().chain([50_500])), &policy), 1);
        assert_eq!(excess(granted_at(times().map(|at| at.saturating_sub(1))), &policy), 1);
        assert_eq!(excess(granted_at([0; 13]), &policy), 3);
    }

    #[test]
    fn an_unused_bucket_holds_no_more_than_the_burst() {
        let times = (0..12).map(|_| 3_600_000_000).chain([0]);
        assert_eq!(excess(granted_at(times), &policy(1_000, 10)), 2);
    }

    #[test]
    fn a_permit_is_granted_between_call_and_answer() {
        let waits = |answered| {
            let waiting = [Admission { called: 0, answered }; 15];
            excess(waiting.into_iter().chain(granted_at([0; 5])).collect(), &policy(1_000, 10))
        };
        assert_eq!([waits(10_000), waits(9_999), waits(0)], [0, 1, 10]);
    }

    #[test]
    fn a_caller_that_waits_leaves_permits_to_others() {
        let admissions = [Admission { called: 0, answered: 2_000 }];
        let others = (0..11).map(|n| n / 10 * 1_000);
        let all: Vec<_> = admissions.into_iter().chain(granted_at(others)).collect();
        assert_eq!(excess(all.clone(), &policy(1_000, 10)), 0);
        assert_eq!(excess(all, &policy(999, 10)), 1);
    }
}
