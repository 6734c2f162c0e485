use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use dualkey_limit::{LimitPolicy, Outcome, Standing, Timestamp};
use dualkey_store::PartnerId;
use futures_util::FutureExt as _;

use crate::call::{Call, WeakCall};
use crate::limiter::{Away, SharedLimiter};
use crate::node::{Answer, Batch, NodeState, Ticket};

/// What one process holds of one partner's shared limits. Clones are the same partner.
#[derive(Clone)]
pub struct PartnerLimits(Arc<Entry>);

struct Entry {
    id: PartnerId,
    held: Mutex<Held>,
}

pub(crate) struct Held {
    pub(crate) node: NodeState,
    /// The callers that wait for the next call.
    next: Option<Next>,
    under_way: Option<WeakCall>,
    /// Whether the limiter's list of partners that need maintenance has it.
    pub(crate) is_listed: bool,
    /// The policy of the last call.
    pub(crate) policy: Option<LimitPolicy>,
}

struct Next {
    batch: Batch,
    policy: LimitPolicy,
    call: WeakCall,
}

/// A caller that waits for the store: a future of its outcome. It joins the next call when it is first polled,
/// so nothing is taken before.
#[must_use = "permits are taken once the future is polled"]
pub struct PendingTake {
    limiter: SharedLimiter,
    partner: PartnerLimits,
    policy: LimitPolicy,
    permits: u32,
    joined: Option<(Ticket, Call)>,
}

impl PartnerLimits {
    pub(crate) fn new(id: PartnerId, node: NodeState) -> Self {
        let held = Held { node, next: None, under_way: None, is_listed: false, policy: None };
        Self(Arc::new(Entry { id, held: Mutex::new(held) }))
    }

    /// The partner.
    #[must_use]
    pub fn id(&self) -> PartnerId {
        self.0.id
    }

    /// What is left of the limits: what the store last reported, less what this process has spent since.
    #[must_use]
    pub fn standing(&self, policy: &LimitPolicy, now: Timestamp) -> Standing {
        self.lock().node.standing(policy, now)
    }

    /// No method panics while it holds the lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn downgrade(&self) -> WeakPartner {
        WeakPartner(Arc::downgrade(&self.0))
    }
}

/// A partner of which the limiter keeps a list, as long as someone else holds it.
pub(crate) struct WeakPartner(Weak<Entry>);

impl WeakPartner {
    pub(crate) fn upgrade(&self) -> Option<PartnerLimits> {
        self.0.upgrade().map(PartnerLimits)
    }
}

/// A [`Call`] may be the last one that is held, and when it is dropped, it locks its partner. So no method drops
/// one: each is returned.
impl Held {
    /// The next call, which waits for the one that is under way, and the callers that it takes for.
    pub(crate) fn next_call(
        &mut self,
        limiter: &SharedLimiter,
        partner: &PartnerLimits,
        policy: &LimitPolicy,
    ) -> (Call, &mut Batch) {
        let live = self.next.take().and_then(|next| Some((next.call.upgrade()?, next.batch)));
        let (call, batch) = live.unwrap_or_else(|| {
            let previous = self.under_way.as_ref().and_then(WeakCall::upgrade);
            (Call::new(limiter.clone(), partner.clone(), previous), Batch::default())
        });
        let next = Next { batch, policy: *policy, call: call.downgrade() };
        (call, &mut self.next.insert(next).batch)
    }

    /// The policy of the callers that wait, or of the last call.
    pub(crate) fn next_policy(&self) -> Option<LimitPolicy> {
        self.next.as_ref().map(|next| next.policy).or(self.policy)
    }

    /// The next call is under way: no more callers join it.
    pub(crate) fn close_batch(&mut self) -> Option<(Batch, LimitPolicy)> {
        let Next { batch, policy, call } = self.next.take()?;
        self.under_way = Some(call);
        self.policy = Some(policy);
        Some((batch, policy))
    }

    /// The call that was under way is over. Later ones do not wait for it, though a caller may still hold it.
    pub(crate) fn end_call(&mut self) {
        self.under_way = None;
    }
}

impl PendingTake {
    pub(crate) fn new(
        limiter: &SharedLimiter,
        partner: &PartnerLimits,
        policy: &LimitPolicy,
        permits: u32,
    ) -> Self {
        let (limiter, partner) = (limiter.clone(), partner.clone());
        Self { limiter, partner, policy: *policy, permits, joined: None }
    }

    /// `None`: another caller tries whether the store answers again.
    fn join(&self) -> Option<(Ticket, Call)> {
        let Self { limiter, partner, policy, permits, .. } = self;
        let mut held = partner.lock();
        if !limiter.may_call(&mut held, limiter.now()) {
            return None;
        }
        let (call, batch) = held.next_call(limiter, partner, policy);
        Some((batch.join(*permits), call))
    }

    fn decide(&self, answer: Option<(Ticket, Arc<Answer>)>) -> Result<Outcome, Away> {
        let Self { limiter, partner, policy, permits, .. } = self;
        let now = limiter.now();
        let mut held = partner.lock();
        answer
            .and_then(|(ticket, answer)| held.node.outcome(policy, now, ticket, &answer))
            .map_or_else(|| limiter.take_locally(&mut held, partner, policy, now, *permits), Ok)
    }
}

impl Future for PendingTake {
    type Output = Result<Outcome, Away>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((ticket, mut call)) = self.joined.take().or_else(|| self.join()) else {
            return Poll::Ready(self.decide(None));
        };
        let Poll::Ready(answer) = call.poll_unpin(cx) else {
            self.joined = Some((ticket, call));
            return Poll::Pending;
        };
        Poll::Ready(self.decide(answer.map(|answer| (ticket, answer))))
    }
}

impl fmt::Debug for PartnerLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartnerLimits").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingTake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingTake").field("permits", &self.permits).finish_non_exhaustive()
    }
}
