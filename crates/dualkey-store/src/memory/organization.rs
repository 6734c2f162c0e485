use std::collections::BTreeSet;
use std::ops::Bound;

use dualkey_limit::Timestamp;

use crate::TokenId;

/// The greatest id.
const MAX_ID: TokenId = TokenId::from_bytes([0xff; 16]);

/// The tokens of one organization.
#[derive(Default)]
pub(super) struct OrganizationTokens {
    /// Oldest first.
    ids: Vec<TokenId>,
    /// The tokens with an expiry, in the order of their expiries.
    expiries: BTreeSet<(Timestamp, TokenId)>,
}

impl OrganizationTokens {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = TokenId> {
        self.ids.iter().rev().copied()
    }

    /// The tokens that have expired at this time, in the order of their expiries.
    pub(super) fn expired(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, TokenId)> {
        self.expiries.range(..=(at, MAX_ID)).copied()
    }

    /// The tokens that expire after this time, in the order of their expiries.
    pub(super) fn expiring(&self, after: Timestamp) -> impl Iterator<Item = (Timestamp, TokenId)> {
        self.expiries.range((Bound::Excluded((after, MAX_ID)), Bound::Unbounded)).copied()
    }

    /// The number of tokens that have not expired at this time.
    pub(super) fn valid_count(&self, at: Timestamp) -> usize {
        self.ids.len() - self.expired(at).count()
    }

    pub(super) fn add(&mut self, id: TokenId, expiry: Option<Timestamp>) {
        self.ids.push(id);
        self.expiries.extend(expiry.map(|expiry| (expiry, id)));
    }

    pub(super) fn remove(&mut self, id: TokenId, expiry: Option<Timestamp>) {
        self.ids.retain(|other| *other != id);
        self.remove_expiry(id, expiry);
    }

    pub(super) fn change_expiry(&mut self, id: TokenId, old: Option<Timestamp>, new: Timestamp) {
        self.remove_expiry(id, old);
        self.expiries.insert((new, id));
    }

    fn remove_expiry(&mut self, id: TokenId, expiry: Option<Timestamp>) {
        if let Some(expiry) = expiry {
            self.expiries.remove(&(expiry, id));
        }
    }
}
