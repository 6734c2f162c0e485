//! One call of the store, for all callers of a partner that wait.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dualkey_limit::LimitPolicy;
use dualkey_store::{SharedCall, SharedLimitsError, SharedTake};
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use crate::limiter::SharedLimiter;
use crate::node::{Answer, Batch};
use crate::partner::PartnerLimits;

type BoxedCall = Pin<Box<dyn Future<Output = Option<Arc<Answer>>> + Send>>;

/// The answer for which several callers wait, or `None` if the store did not answer. A call for which no
/// caller waits any more is given up.
///
/// It may be the last one that is held, and locks its partner when it is dropped.
#[derive(Clone)]
pub(crate) struct Call(Shared<BoxedCall>);

pub(crate) struct WeakCall(WeakShared<BoxedCall>);

impl Call {
    pub(crate) fn new(
        limiter: SharedLimiter,
        partner: PartnerLimits,
        previous: Option<Self>,
    ) -> Self {
        let call: BoxedCall = Box::pin(async move {
            let is_answering = match previous {
                Some(previous) => previous.await.is_some(),
                None => true,
            };
            let (batch, policy) = partner.lock().close_batch()?;
            // These callers have waited as long as the ones before.
            let answer =
                if is_answering { run(&limiter, &partner, batch, &policy).await } else { None };
            partner.lock().end_call();
            answer.map(Arc::new)
        });
        Self(call.shared())
    }

    pub(crate) fn downgrade(&self) -> WeakCall {
        WeakCall(self.0.downgrade().expect("it has not been polled to its end"))
    }
}

impl WeakCall {
    pub(crate) fn upgrade(&self) -> Option<Call> {
        self.0.upgrade().map(Call)
    }
}

impl Future for Call {
    type Output = Option<Arc<Answer>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

/// Calls the store, unless its last answer serves these callers too. `None`: the store did not answer.
async fn run(
    limiter: &SharedLimiter,
    partner: &PartnerLimits,
    batch: Batch,
    policy: &LimitPolicy,
) -> Option<Answer> {
    let decided = {
        let mut held = partner.lock();
        let now = limiter.now();
        held.node.follow(now);
        held.node.try_take_batch(policy, now, &batch)
    };
    if decided.is_some() {
        return decided;
    }
    let mut sent = Sent { limiter, partner, take: Some(SharedTake::default()) };
    let new_call = || SharedCall::new(partner.id(), policy);

    let uncounted = partner.lock().node.uncounted();
    if let Some((day, permits)) = uncounted {
        let known = partner.lock().node.known().copied();
        let call = SharedCall { known: known.as_ref(), ..new_call() };
        match limiter.store().add_usage(call, day, permits).await {
            Ok(standing) => {
                let now = limiter.now();
                let mut held = partner.lock();
                held.node.counted(day, permits);
                held.node.reported(standing, now);
            }
            Err(error) => return sent.fail(&error),
        }
    }

    let begun_at = limiter.now();
    let (take, known) = {
        let mut held = partner.lock();
        let take = held.node.begin_call(policy, begun_at, batch.into_runs());
        (take, held.node.known().copied())
    };
    sent.take = Some(take.clone());
    let call = SharedCall { known: known.as_ref(), ..new_call() };
    match limiter.store().take(call, &take).await {
        Ok(taken) => {
            sent.take = None;
            let times = (begun_at, limiter.now());
            let answer = partner.lock().node.answered(policy, times, &take, taken);
            limiter.note_success(partner);
            Some(answer)
        }
        Err(error) => sent.fail(&error),
    }
}

/// A call of which the answer is awaited. Dropped before, it is abandoned.
struct Sent<'a> {
    limiter: &'a SharedLimiter,
    partner: &'a PartnerLimits,
    take: Option<SharedTake>,
}

impl Sent<'_> {
    fn fail(mut self, error: &SharedLimitsError) -> Option<Answer> {
        if let Some(take) = self.take.take() {
            self.partner.lock().node.failed(self.limiter.now(), &take);
        }
        self.limiter.note_failure(self.partner, error);
        None
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(take) = self.take.take() {
            self.partner.lock().node.abandoned(self.limiter.now(), &take);
        }
    }
}
