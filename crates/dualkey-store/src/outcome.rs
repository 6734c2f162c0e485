use dualkey_limit::Timestamp;

use crate::{PartnerId, StoredToken};

/// Which part of a list to return. Lists are ordered newest first.
///
/// ```
/// use dualkey_store::{AuditId, Page};
///
/// let first = Page::<AuditId>::first(50);
/// assert_eq!((first.after, first.limit), (None, 50));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last id of the previous page. Default: the list from its start.
    pub after: Option<Id>,
    /// The maximum number of items.
    pub limit: u32,
}

impl<Id> Page<Id> {
    /// The first page, with at most `limit` items.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    pub(crate) fn max_items(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// The arguments of [`TokenStore::rotate_token`](crate::TokenStore::rotate_token).
#[derive(Clone, Debug)]
pub struct RotationRequest {
    /// The new token. It has the same organization as the old one, and names it as the token that it
    /// replaces.
    pub successor: StoredToken,
    /// The latest time at which the old token is accepted; its own expiry may be earlier.
    pub old_expires_at: Timestamp,
    /// How many tokens the organization may have, the successor included.
    pub max_tokens: usize,
}

/// The permits that a partner used on one day.
///
/// ```
/// use dualkey_store::{DailyUsage, PartnerId};
///
/// let usage = DailyUsage { partner: PartnerId::from_bytes([1; 16]), day: 19_000, permits: 12 };
/// assert_eq!(usage.permits, 12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyUsage {
    /// The partner that used them.
    pub partner: PartnerId,
    /// The day, as [`LimitPolicy::day`](dualkey_limit::LimitPolicy::day) counts it.
    pub day: i64,
    /// The number of permits.
    pub permits: u64,
}

/// The outcome of adding a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum InsertOutcome {
    /// The record is stored.
    Inserted,
    /// The key is taken, or the maximum is reached. Nothing changed.
    Refused,
}

/// The outcome of rotating a token. Nothing changed unless it was rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RotateOutcome {
    /// The successor is stored, and the old token has its new expiry.
    Rotated,
    /// The organization has no such token.
    NotFound,
    /// The token has expired.
    Expired,
    /// The token has a successor already.
    AlreadyRotated,
    /// The organization has too many tokens.
    Refused,
}

/// The outcome of revoking a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RevokeOutcome {
    /// The token is deleted, for good.
    Revoked,
    /// The organization has no such token.
    NotFound,
}
