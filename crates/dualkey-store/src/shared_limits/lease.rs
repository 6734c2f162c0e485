use std::time::Duration;

/// The id of a lease. The process that asks for the lease chooses it at random, so that it can give back a
/// lease whose answer was lost. No two leases of a partner may have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(u64);

impl LeaseId {
    /// The id with this number.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number of this id.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

/// A request to lease permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The id of the new lease. A lease whose id is in use is not granted.
    pub id: LeaseId,
    /// The most permits to lease. If fewer are left in the bucket or of the day, those are leased.
    pub permits: u32,
}

/// Permits that a process may spend in memory, for a time.
///
/// ```
/// use std::time::Duration;
/// use dualkey_store::{Lease, LeaseId};
///
/// let lease = Lease { id: LeaseId::from_bits(7), permits: 25, lifetime: Lease::LIFETIME };
/// assert_eq!(lease.usable_for(), Duration::from_millis(450));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The id that the process chose.
    pub id: LeaseId,
    /// The number of permits.
    pub permits: u32,
    /// The time from the store's decision to the end of the lease, by the store's clock. It is shorter than
    /// [`LIFETIME`](Self::LIFETIME) where the day ends before.
    pub lifetime: Duration,
}

impl Lease {
    /// The lifetime of a lease.
    pub const LIFETIME: Duration = Duration::from_millis(500);

    /// The most leases that a partner has at a time.
    pub const MAX_PER_PARTNER: usize = 32;

    /// The time in which the process may spend the permits, counted from before it sent the request, on
    /// its monotonic clock and on its wall clock, whichever is further on. A tenth of the lifetime is a
    /// margin for clocks that do not go at the same pace.
    #[must_use]
    pub fn usable_for(&self) -> Duration {
        self.lifetime - self.lifetime / 10
    }
}

/// What becomes of a lease. Permits that are neither kept nor given back are spent, and leave the lease.
///
/// The lease shrinks to `keep`, and never grows. What it loses is given back up to `give_back` permits, to
/// bucket and day. So a settlement that is repeated, or overtaken by a later one, changes nothing. A lease
/// that has ended, or that was never granted, stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettlement {
    /// The lease.
    pub id: LeaseId,
    /// The permits that stay leased, until the same end. Zero: the lease is over.
    pub keep: u32,
    /// The permits that return to the bucket and to the day.
    pub give_back: u32,
}
