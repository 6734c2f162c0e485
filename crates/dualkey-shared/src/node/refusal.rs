use std::time::Duration;

use dualkey_limit::{LimitPolicy, Outcome, Timestamp};
use dualkey_store::SharedStanding;
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::NodeState;

/// A refusal of the store. Until `until`, a caller that asks for as much under the same policy is refused
/// without asking the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct RememberedRefusal {
    policy: LimitPolicy,
    permits: u32,
    standing: SharedStanding,
    received_at: Timestamp,
    until: Timestamp,
}

impl RememberedRefusal {
    /// A raised quota counts within this time.
    const MAX_QUOTA_TIME: Duration = Duration::from_secs(1);
    /// How long to wait for permits that others have leased: about the time after which idle leases return.
    const LEASED_WAIT: Duration = Duration::from_millis(100);

    /// A refusal of `permits`, received now. The process asks again when the bucket can hold `chunk`, the
    /// permits that it would lease, and up to a half of that time sooner or later, so that processes take
    /// turns.
    pub(super) fn new(
        policy: &LimitPolicy,
        standing: &SharedStanding,
        now: Timestamp,
        (permits, chunk): (u32, u32),
        random: &mut SmallRng,
    ) -> Self {
        let spread = random.random_range(0.5..1.5);
        let most = policy.burst().get().saturating_sub(standing.outstanding);
        let wait = match peek(policy, standing, permits) {
            Outcome::QuotaExceeded(refusal) => refusal.retry_after.min(Self::MAX_QUOTA_TIME),
            _ if most < permits => Self::LEASED_WAIT.mul_f64(spread),
            exact => {
                let exact = exact.retry_after().unwrap_or_default();
                let chunk = peek(&policy.without_daily(), standing, chunk.min(most)).retry_after();
                match chunk {
                    Some(chunk) if chunk > exact => chunk.mul_f64(spread).max(exact),
                    _ => exact,
                }
            }
        };
        let until = now.saturating_add(wait);
        Self { policy: *policy, permits, standing: *standing, received_at: now, until }
    }

    /// Whether it answers a caller that asks for these permits now.
    pub(super) fn covers(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> bool {
        permits >= self.permits && now < self.until && self.policy == *policy
    }

    /// The outcome for a caller that was refused these permits.
    pub(super) fn outcome(
        &self,
        node: &NodeState,
        now: Timestamp,
        permits: u32,
    ) -> Option<Outcome> {
        let mut outcome = peek(&self.policy, &self.standing, permits);
        if let Outcome::BurstExceeded(refusal) | Outcome::QuotaExceeded(refusal) = &mut outcome {
            let end = self.received_at.saturating_add(refusal.retry_after).max(self.until);
            refusal.retry_after = end.saturating_duration_since(now);
            refusal.standing = node.standing(&self.policy, now);
        }
        (!outcome.is_allowed()).then_some(outcome)
    }
}

/// What the store's decision means for these permits.
fn peek(policy: &LimitPolicy, standing: &SharedStanding, permits: u32) -> Outcome {
    standing.to_state(policy).peek(policy, standing.at, permits)
}
