use std::error::Error as _;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dualkey_limit::{Clock, LimitPolicy, Outcome, Timestamp};
use dualkey_store::{PartnerId, SharedLimits, SharedLimitsError};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::counts::{Counts, SharedCounts};
use crate::node::{Circuit, NodeState};
use crate::outage::OutagePolicies;
use crate::partner::{Held, PartnerLimits, PendingTake, WeakPartner};

/// The process's side of shared limits. Clones are the same process.
///
/// A decision comes from memory where a lease or a remembered refusal answers, and else from the store.
/// [`run`](Self::run), which a program spawns, gives leases back that are not used.
#[derive(Clone)]
pub struct SharedLimiter(Arc<Process>);

struct Process {
    store: Arc<dyn SharedLimits>,
    clock: Arc<dyn Clock>,
    outages: OutagePolicies,
    /// Of the whole store. Each partner has one of its own, since a part of a cluster may fail.
    circuit: Mutex<Circuit>,
    /// The partners with a lease, with one to be given back, or with permits to be counted.
    listed: Mutex<Vec<WeakPartner>>,
    next_seed: AtomicU64,
    counts: Counts,
}

/// The shared limits do not answer, and the outage policy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// The time until the store is tried again.
    pub retry_after: Duration,
}

/// The decision on permits: at once, or once the store has answered.
#[derive(Debug)]
pub enum Take {
    /// Decided in memory.
    Decided(Result<Outcome, Away>),
    /// The store decides.
    Pending(PendingTake),
}

impl SharedLimiter {
    const CONCURRENT_MAINTENANCE: usize = 16;

    /// A process that takes permits from this store. While the store does not answer, requests are refused.
    ///
    /// # Panics
    ///
    /// The operating system has no random numbers.
    #[must_use]
    pub fn new(store: Arc<dyn SharedLimits>, clock: Arc<dyn Clock>) -> Self {
        let seed = SysRng.try_next_u64().expect("the operating system has random numbers");
        Self::with_seed(store, clock, OutagePolicies::default(), seed)
    }

    fn with_seed(
        store: Arc<dyn SharedLimits>,
        clock: Arc<dyn Clock>,
        outages: OutagePolicies,
        seed: u64,
    ) -> Self {
        Self(Arc::new(Process {
            store,
            clock,
            outages,
            circuit: Mutex::default(),
            listed: Mutex::default(),
            next_seed: AtomicU64::new(seed),
            counts: Counts::default(),
        }))
    }

    /// This process with other policies for the time in which the store does not answer. Call it before
    /// [`partner`](Self::partner): it has other partners than the process before.
    #[must_use]
    pub fn with_outage_policies(self, outages: OutagePolicies) -> Self {
        let Process { store, clock, .. } = &*self.0;
        Self::with_seed(Arc::clone(store), Arc::clone(clock), outages, self.next_seed())
    }

    /// A partner of which this process holds nothing yet. Keep it: a second one of the same partner would
    /// not share its lease and its calls.
    #[must_use]
    pub fn partner(&self, id: PartnerId) -> PartnerLimits {
        PartnerLimits::new(id, NodeState::new(self.next_seed()))
    }

    /// A partner that is known to have used this many permits of today, for example from a database. A store
    /// that has lost its state goes on from there.
    #[must_use]
    pub fn partner_with_usage(
        &self,
        id: PartnerId,
        policy: &LimitPolicy,
        used: u64,
    ) -> PartnerLimits {
        let node = NodeState::new(self.next_seed());
        PartnerLimits::new(id, node.with_used_today(policy, self.now(), used))
    }

    /// What it has counted, for metrics.
    #[must_use]
    pub fn counts(&self) -> SharedCounts {
        self.0.counts.read(self.circuit().is_open())
    }

    fn next_seed(&self) -> u64 {
        self.0.next_seed.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes permits, or waits for the store to decide.
    ///
    /// # Errors
    ///
    /// The store does not answer, and the outage policy refuses.
    pub async fn take(
        &self,
        partner: &PartnerLimits,
        policy: &LimitPolicy,
        permits: u32,
    ) -> Result<Outcome, Away> {
        match self.try_take(partner, policy, self.now(), permits) {
            Take::Decided(decision) => decision,
            Take::Pending(pending) => pending.await,
        }
    }

    /// Takes permits without waiting. If the store decides, nothing is taken before the pending decision is
    /// polled.
    #[must_use]
    pub fn try_take(
        &self,
        partner: &PartnerLimits,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Take {
        let mut held = partner.lock();
        if held.node.is_ahead_of(now) {
            held.node.follow(self.now());
        }
        if let Some(outcome) = held.node.try_take(policy, now, permits) {
            return Take::Decided(Ok(outcome));
        }
        if !held.node.is_callable(now) || !self.circuit().is_due(now) {
            return Take::Decided(self.take_locally(&mut held, partner, policy, now, permits));
        }
        Take::Pending(PendingTake::new(self, partner, policy, permits))
    }

    /// Whether the store is called now. While it does not answer, it is tried once a second.
    pub(crate) fn may_call(&self, held: &mut Held, now: Timestamp) -> bool {
        held.node.is_callable(now) && self.circuit().allows(now) && held.node.may_call(now)
    }

    /// Decides in this process.
    pub(crate) fn take_locally(
        &self,
        held: &mut Held,
        partner: &PartnerLimits,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Result<Outcome, Away> {
        self.0.counts.count_local();
        let outcome = held.node.take_locally(policy, now, permits, self.0.outages);
        held.policy = Some(*policy);
        self.list(held, partner);
        outcome.ok_or_else(|| Away { retry_after: self.circuit().retry_after(now) })
    }

    /// Gives back leases of which nothing was spent for 100 ms, and adds what this process granted on its
    /// own to the count of the day, once the store answers.
    pub async fn maintain(&self) {
        self.call_listed(|held, now| held.node.needs_call(now)).await;
    }

    /// Gives back all leases, before the process ends.
    pub async fn give_back(&self) {
        self.call_listed(|_, _| true).await;
    }

    /// Calls [`maintain`](Self::maintain) after each tick, and [`give_back`](Self::give_back) at the end. A
    /// program spawns it with a tick of about 50 ms, and awaits it once it serves no more requests.
    ///
    /// ```
    /// # async fn run(limiter: dualkey_shared::SharedLimiter) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// # let shutdown = async {};
    /// use std::time::Duration;
    ///
    /// let tick = || tokio::time::sleep(Duration::from_millis(50));
    /// limiter.run(tick, shutdown).await;
    /// # }
    /// ```
    pub async fn run(&self, mut tick: impl AsyncFnMut(), until: impl Future) {
        let mut until = pin!(until);
        loop {
            match select(until.as_mut(), pin!(tick())).await {
                Either::Left(_) => return self.give_back().await,
                Either::Right(_) => self.maintain().await,
            }
        }
    }

    async fn call_listed(&self, is_due: impl Fn(&Held, Timestamp) -> bool) {
        let now = self.now();
        let listed = std::mem::take(&mut *self.listed());
        let partners = listed.iter().filter_map(WeakPartner::upgrade);
        let calls = partners.filter_map(|partner| {
            let mut held = partner.lock();
            held.is_listed = false;
            let policy =
                held.next_policy().filter(|_| is_due(&held, now) && self.may_call(&mut held, now));
            let call = policy.map(|policy| held.next_call(self, &partner, &policy).0);
            self.list(&mut held, &partner);
            call
        });
        let calls: Vec<_> = calls.collect();
        stream::iter(calls)
            .for_each_concurrent(Self::CONCURRENT_MAINTENANCE, async |call| {
                call.await;
            })
            .await;
    }

    /// Notes a partner that needs maintenance.
    fn list(&self, held: &mut Held, partner: &PartnerLimits) {
        if !held.is_listed && held.node.may_need_call() {
            held.is_listed = true;
            self.listed().push(partner.downgrade());
        }
    }

    pub(crate) fn note_success(&self, partner: &PartnerLimits) {
        self.0.counts.count_answer();
        self.list(&mut partner.lock(), partner);
        if self.circuit().succeed() {
            tracing::info!("the shared limits answer again");
        }
    }

    pub(crate) fn note_failure(&self, partner: &PartnerLimits, error: &SharedLimitsError) {
        self.0.counts.count_failure();
        self.list(&mut partner.lock(), partner);
        let source = error.source().map(tracing::field::display);
        if self.circuit().fail(self.now()) {
            tracing::warn!(error = source, outages = ?self.0.outages, "the shared limits do not answer");
        } else {
            tracing::debug!(error = source, kind = ?error.kind(), "a call of the shared limits failed");
        }
    }

    pub(crate) fn store(&self) -> &dyn SharedLimits {
        &*self.0.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.0.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listed(&self) -> MutexGuard<'_, Vec<WeakPartner>> {
        self.0.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimiter")
            .field("store", &self.0.store)
            .field("outages", &self.0.outages)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared limits do not answer")
    }
}

impl std::error::Error for Away {}
