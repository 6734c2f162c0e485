//! What one process holds of one partner's shared limits: pure state, without I/O and without a clock.
//!
//! [`SharedLimiter`](crate::SharedLimiter) drives it. A simulation can do the same on a clock of its own.

mod batch;
mod circuit;
mod demand;
mod lease;
mod local;
mod refusal;

use std::time::Duration;

use dualkey_limit::{LimitPolicy, LimitState, Outcome, Standing, Timestamp};
use dualkey_store::{
    Lease, LeaseId, LeaseRequest, LeaseSettlement, SharedStanding, SharedTake, SharedTaken, TakeRun,
};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

pub use batch::{Batch, Ticket};
pub(crate) use circuit::Circuit;

use crate::outage::OutagePolicies;
use demand::Demand;
use lease::HeldLease;
use local::LocalLimits;
use refusal::RememberedRefusal;

/// One process's part of one partner's limits: the lease that it spends, the refusal that it remembers, the
/// standing that the store last reported, and what it counted on its own while the store did not answer.
///
/// Times are those of one clock of the process. An earlier time counts as the latest one, until
/// [`follow`](NodeState::follow) says that the clock was set back.
#[derive(Debug)]
pub struct NodeState {
    reported: Option<Reported>,
    lease: Option<HeldLease>,
    /// Settlements that the store has not confirmed.
    unsettled: Vec<Unsettled>,
    refusal: Option<RememberedRefusal>,
    demand: Demand,
    circuit: Circuit,
    local: Option<LocalLimits>,
    /// A day, and the permits of it that the store has not counted.
    uncounted: (i64, u64),
    random: SmallRng,
    latest: Timestamp,
}

/// What the store's answer to one call means for its callers.
#[derive(Clone, Debug)]
pub struct Answer {
    granted: Vec<u32>,
    refusal: Option<RememberedRefusal>,
}

/// A standing, and when it was received.
#[derive(Clone, Copy, Debug)]
struct Reported {
    standing: SharedStanding,
    received_at: Timestamp,
}

/// A settlement, and the time by which its lease has ended.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    settlement: LeaseSettlement,
    until: Timestamp,
}

impl Answer {
    /// For each run of the batch, the number of callers that got their permits.
    #[must_use]
    pub fn granted(&self) -> &[u32] {
        &self.granted
    }
}

impl NodeState {
    /// A process that asks more often than this within 100 ms leases, if the rate brings as many permits.
    const MAX_TAKES_WITHOUT_LEASE: u32 = 5;
    /// A lease is at most the burst divided by this.
    const BURST_PER_LEASE: u32 = 4;
    /// A lease of which nothing was spent for this time is given back.
    const MAX_IDLE: Duration = Duration::from_millis(100);
    /// The time within which a call whose answer was lost has run, and its lease has ended.
    const LOST_LEASE_ENDS_IN: Duration = Lease::LIFETIME.saturating_mul(2);
    const MAX_UNSETTLED: usize = Lease::MAX_PER_PARTNER;
    /// Threads do not read the same time. A lease has a longer margin.
    const MAX_INVERSION: Duration = Duration::from_millis(10);

    /// A process that knows nothing of the partner's limits. The seed decides on the ids of its leases, so
    /// no two processes may have the same.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            reported: None,
            lease: None,
            unsettled: Vec::new(),
            refusal: None,
            demand: Demand::default(),
            circuit: Circuit::default(),
            local: None,
            uncounted: (0, 0),
            random: SmallRng::seed_from_u64(seed),
            latest: Timestamp::EPOCH,
        }
    }

    /// This many permits of today are known to be used, for example from a database. A store that has lost
    /// its state then goes on from there, and so does this process while the store does not answer.
    #[must_use]
    pub fn with_used_today(self, policy: &LimitPolicy, now: Timestamp, used: u64) -> Self {
        let standing = SharedStanding {
            at: Timestamp::from_nanos(now.as_nanos() / 1_000 * 1_000),
            level: policy.burst().get(),
            remainder: 0,
            day: policy.day(now),
            utc_offset_secs: policy.utc_offset_secs(),
            granted: used,
            returned: 0,
            outstanding: 0,
            epoch: 0,
        };
        Self { reported: Some(Reported { standing, received_at: now }), ..self }
    }

    /// The last standing that the store reported, to be sent with the next call.
    #[must_use]
    pub fn known(&self) -> Option<&SharedStanding> {
        self.reported.as_ref().map(|reported| &reported.standing)
    }

    /// What is left of the limits: what the store last reported, less what this process has spent since.
    #[must_use]
    pub fn standing(&self, policy: &LimitPolicy, now: Timestamp) -> Standing {
        self.state_at(now, policy).standing(policy, now)
    }

    fn state_at(&self, now: Timestamp, policy: &LimitPolicy) -> LimitState {
        let Some(Reported { standing, received_at }) = self.reported else {
            return LimitState::default();
        };
        let leased = self.lease.filter(|lease| lease.is_usable(now));
        let leased = leased.map_or(0, |lease| lease.remaining);
        let is_today = policy.day(received_at.min(now)) == policy.day(now);
        let used = if is_today { standing.used().saturating_sub(leased.into()) } else { 0 };
        let level = standing.level.saturating_add(leased);
        let standing = SharedStanding { at: now, level, remainder: 0, ..standing };
        SharedStanding { granted: used, returned: 0, ..standing }.to_state(policy)
    }

    /// Decides from memory, where a lease or a remembered refusal does. `None`: the store has to be asked.
    pub fn try_take(
        &mut self,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Option<Outcome> {
        let now = self.advance_to(now);
        if permits == 0 {
            return Some(Outcome::Allowed(self.standing(policy, now)));
        }
        self.demand.count_take(permits, now);
        if self.lease.as_mut().is_some_and(|lease| lease.spend(permits, now)) {
            return Some(Outcome::Allowed(self.standing(policy, now)));
        }
        self.refusal
            .filter(|refusal| refusal.covers(policy, now, permits))?
            .outcome(self, now, permits)
    }

    /// Decides from memory for callers that waited for an earlier call, if a lease has enough for all of them or a
    /// remembered refusal answers each. `None`: the store has to be asked.
    pub fn try_take_batch(
        &mut self,
        policy: &LimitPolicy,
        now: Timestamp,
        batch: &Batch,
    ) -> Option<Answer> {
        let now = self.advance_to(now);
        let runs = batch.runs();
        let permits = runs
            .iter()
            .try_fold(0, |sum: u32, run| sum.checked_add(run.permits.checked_mul(run.count)?))?;
        if permits > 0 && self.lease.as_mut().is_some_and(|lease| lease.spend(permits, now)) {
            return Some(Answer {
                granted: runs.iter().map(|run| run.count).collect(),
                refusal: None,
            });
        }
        let refusal = self.refusal.filter(|refusal| {
            !runs.is_empty() && runs.iter().all(|run| refusal.covers(policy, now, run.permits))
        })?;
        Some(Answer { granted: vec![0; runs.len()], refusal: Some(refusal) })
    }

    /// What the next call to the store carries for these callers: the lease that is used up or too small is
    /// given back, and a new one is requested where this process asks often.
    #[must_use]
    pub fn begin_call(
        &mut self,
        policy: &LimitPolicy,
        now: Timestamp,
        runs: Vec<TakeRun>,
    ) -> SharedTake {
        let now = self.advance_to(now);
        self.return_lease(now);
        self.unsettled.retain(|unsettled| now < unsettled.until);
        let settlements = self.unsettled.iter().map(|unsettled| unsettled.settlement).collect();
        let lease = if runs.is_empty() { None } else { self.lease_request(policy, now) };
        SharedTake { settlements, runs, lease }
    }

    fn lease_request(&mut self, policy: &LimitPolicy, now: Timestamp) -> Option<LeaseRequest> {
        let permits = self.lease_size(policy, now)?;
        Some(LeaseRequest { id: LeaseId::from_bits(self.random.random()), permits })
    }

    /// The permits that this process asked for within 100 ms, granted or not, at most a quarter of the burst, if
    /// it asks often enough to lease, and the rate allows that many requests.
    fn lease_size(&mut self, policy: &LimitPolicy, now: Timestamp) -> Option<u32> {
        let is_frequent = self.demand.takes(now) > Self::MAX_TAKES_WITHOUT_LEASE
            && policy.rate().permits_in(Demand::WINDOW) > Self::MAX_TAKES_WITHOUT_LEASE.into();
        let most = policy.burst().get() / Self::BURST_PER_LEASE;
        let permits = self.demand.permits(now).min(most);
        (is_frequent && permits > 1).then_some(permits)
    }

    fn return_lease(&mut self, now: Timestamp) {
        if let Some(lease) = self.lease.take() {
            self.add_unsettled(lease.settlement(), now);
        }
    }

    fn add_unsettled(&mut self, settlement: LeaseSettlement, now: Timestamp) {
        if self.unsettled.len() == Self::MAX_UNSETTLED {
            self.unsettled.remove(0);
        }
        let until = now.saturating_add(Self::LOST_LEASE_ENDS_IN);
        self.unsettled.push(Unsettled { settlement, until });
    }

    /// The store answered a call that was [begun](Self::begin_call) at `begun_at`.
    pub fn answered(
        &mut self,
        policy: &LimitPolicy,
        (begun_at, now): (Timestamp, Timestamp),
        take: &SharedTake,
        taken: SharedTaken,
    ) -> Answer {
        let now = self.reported(taken.standing, now);
        self.unsettled.retain(|unsettled| !take.settlements.contains(&unsettled.settlement));
        if let Some(lease) = &taken.lease {
            self.lease = Some(HeldLease::new(lease, begun_at));
        }
        self.refusal = self.refused_permits(take, &taken).map(|permits| {
            let chunk = self.lease_size(policy, now).unwrap_or(permits).max(permits);
            RememberedRefusal::new(policy, &taken.standing, now, (permits, chunk), &mut self.random)
        });
        Answer { granted: taken.granted, refusal: self.refusal }
    }

    /// From how many permits on callers wait: those of a caller that was refused. If less than half of the lease
    /// that was requested was left, the bucket is empty once it is spent, and all callers wait.
    fn refused_permits(&self, take: &SharedTake, taken: &SharedTaken) -> Option<u32> {
        let runs = take.runs.iter().zip(&taken.granted);
        let refused = runs.filter(|&(run, &n)| n < run.count).map(|(run, _)| run.permits).min();
        let leased = taken.lease.map_or(0, |lease| lease.permits);
        let is_short = take.lease.is_some_and(|request| leased < request.permits / 2);
        if is_short && taken.standing.level == 0 { Some(1) } else { refused }
    }

    /// The store reported this standing.
    pub fn reported(&mut self, standing: SharedStanding, now: Timestamp) -> Timestamp {
        let now = self.advance_to(now);
        self.reported = Some(Reported { standing, received_at: now });
        if let Some(local) = &mut self.local {
            local.end();
        }
        self.circuit.succeed();
        now
    }

    /// The outcome for one of the callers of a call. `None`: the answer makes no sense.
    #[must_use]
    pub fn outcome(
        &self,
        policy: &LimitPolicy,
        now: Timestamp,
        ticket: Ticket,
        answer: &Answer,
    ) -> Option<Outcome> {
        let now = now.max(self.latest);
        if ticket.is_granted(&answer.granted) {
            return Some(Outcome::Allowed(self.standing(policy, now)));
        }
        answer.refusal?.outcome(self, now, ticket.permits)
    }

    /// A call was given up: its answer is not known. The lease that it requested is given back by the next
    /// call.
    pub fn abandoned(&mut self, now: Timestamp, take: &SharedTake) {
        let now = self.advance_to(now);
        if let Some(LeaseRequest { id, permits }) = take.lease {
            self.add_unsettled(LeaseSettlement { id, keep: 0, give_back: permits }, now);
        }
    }

    /// A call failed.
    pub fn failed(&mut self, now: Timestamp, take: &SharedTake) {
        self.abandoned(now, take);
        self.circuit.fail(self.latest);
    }

    /// Whether a [call](Self::may_call) is possible now.
    #[must_use]
    pub fn is_callable(&self, now: Timestamp) -> bool {
        self.circuit.is_due(self.latest.max(now))
    }

    /// Whether to call the store: not while its last calls for this partner failed, but for one a second.
    pub fn may_call(&mut self, now: Timestamp) -> bool {
        let now = self.advance_to(now);
        self.circuit.allows(now)
    }

    /// Decides in this process, while the store does not answer. `None`: the outage policies refuse.
    pub fn take_locally(
        &mut self,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
        outages: OutagePolicies,
    ) -> Option<Outcome> {
        let now = self.advance_to(now);
        let mut local = match self.local.filter(|local| local.is_of(policy, now)) {
            Some(local) => local,
            None => LocalLimits::new(policy, self.local_state(policy, now), outages, now)?,
        };
        let outcome = local.take(now, permits);
        self.local = Some(local);
        if outcome.is_allowed() {
            let day = policy.day(now);
            self.uncounted = (day, self.uncounted_on(day) + u64::from(permits));
        }
        Some(outcome)
    }

    /// What the local limits begin with: the standing that the store last reported, and what this process
    /// granted on its own since. Where the store answers only at times, the local bucket is the same throughout.
    fn local_state(&self, policy: &LimitPolicy, now: Timestamp) -> LimitState {
        let Some(Reported { standing, received_at }) = self.reported else {
            return self.local.map_or_else(LimitState::default, |local| local.state());
        };
        let mut state = SharedStanding { at: received_at.min(now), ..standing }.to_state(policy);
        let used = state.used_today(policy, now) + self.uncounted_on(policy.day(now));
        if let Some(local) = self.local {
            let level = |state: LimitState| state.standing(policy, now).burst_remaining();
            let missing = level(state).saturating_sub(level(local.state()));
            state = state.take(&policy.without_daily(), now, missing).0;
        }
        state.with_used_today(policy, now, used)
    }

    fn uncounted_on(&self, day: i64) -> u64 {
        if self.uncounted.0 == day { self.uncounted.1 } else { 0 }
    }

    /// The day and the permits that this process granted on its own, and that the store has not counted.
    #[must_use]
    pub const fn uncounted(&self) -> Option<(i64, u64)> {
        if self.uncounted.1 == 0 { None } else { Some(self.uncounted) }
    }

    /// The store has counted these permits of this day.
    pub fn counted(&mut self, day: i64, permits: u64) {
        if self.uncounted.0 == day {
            self.uncounted.1 = self.uncounted.1.saturating_sub(permits);
        }
    }

    /// Whether the store has to be called without a caller: to give back a lease of which nothing was spent for
    /// 100 ms, or that may not be spent any more, or one that an earlier call did not give back, or to count what
    /// was granted locally.
    #[must_use]
    pub fn needs_call(&self, now: Timestamp) -> bool {
        let is_over = |lease: &HeldLease| {
            !lease.is_usable(now)
                || now.saturating_duration_since(lease.last_spent) >= Self::MAX_IDLE
        };
        self.lease.as_ref().is_some_and(is_over)
            || !self.unsettled.is_empty()
            || self.uncounted().is_some()
    }

    /// Whether it [needs a call](Self::needs_call) now, or may need one later.
    #[must_use]
    pub const fn may_need_call(&self) -> bool {
        self.lease.is_some() || !self.unsettled.is_empty() || self.uncounted().is_some()
    }

    /// Whether this time is earlier than those before: the time of an old request, or that of a clock which was
    /// set back.
    #[must_use]
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        now.saturating_add(Self::MAX_INVERSION) < self.latest
    }

    /// The clock shows this time now. If it was set back, it is not known for how long the lease and the refusal
    /// were held: the next call gives the lease back, and the refusal is forgotten.
    pub fn follow(&mut self, now: Timestamp) {
        if self.is_ahead_of(now) {
            self.latest = now;
            self.return_lease(now);
            (self.refusal, self.demand) = (None, Demand::default());
        }
    }

    fn advance_to(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        self.latest
    }
}
