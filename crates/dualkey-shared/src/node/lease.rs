use dualkey_limit::Timestamp;
use dualkey_store::{Lease, LeaseId, LeaseSettlement};

/// A lease that this process spends.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldLease {
    id: LeaseId,
    pub(super) remaining: u32,
    /// From here on, no permit is spent.
    usable_until: Timestamp,
    pub(super) last_spent: Timestamp,
}

impl HeldLease {
    /// A lease that was requested at this time of the process's clock. The request precedes the store's
    /// decision, so the process stops before the store does.
    pub(super) fn new(lease: &Lease, requested_at: Timestamp) -> Self {
        Self {
            id: lease.id,
            remaining: lease.permits,
            usable_until: requested_at.saturating_add(lease.usable_for()),
            last_spent: requested_at,
        }
    }

    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        now < self.usable_until
    }

    /// Spends permits, if the lease has as many. True if they were spent.
    pub(super) fn spend(&mut self, permits: u32, now: Timestamp) -> bool {
        let is_enough = permits <= self.remaining && self.is_usable(now);
        if is_enough {
            self.remaining -= permits;
            self.last_spent = now;
        }
        is_enough
    }

    /// Gives back what is not spent, and ends the lease.
    pub(super) fn settlement(&self) -> LeaseSettlement {
        LeaseSettlement { id: self.id, keep: 0, give_back: self.remaining }
    }
}
