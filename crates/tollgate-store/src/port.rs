use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use tollgate_limit::{LimitPolicy, Timestamp};
use tollgate_token::TokenDigest;

use crate::{
    Changes, OrganizationId, Partner, PartnerId, StoreError, StoredToken, TokenId, TokenRecord,
    TokenUse,
};

/// What a store's verbs return. Boxed, so that a store is a `dyn Store`: the price is paid where a
/// network or a disk is paid for too.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where partners and tokens are kept.
///
/// Each verb is atomic. What it acknowledges is kept; when it fails, nothing is known to have changed.
/// No verb brings a revoked token back, changes a token's scopes or moves its expiry later.
pub trait Store: PartnerStore + TokenStore + LimitStore {
    /// Where changes are announced, before they are acknowledged.
    fn changes(&self) -> &Changes;
}

/// The partners.
pub trait PartnerStore: Debug + Send + Sync {
    /// Adds a partner, unless another has its key.
    fn insert_partner(&self, partner: Partner) -> StoreFuture<'_, Insertion>;

    /// The partner with exactly this key.
    fn partner_by_key<'a>(&'a self, api_key: &'a str) -> StoreFuture<'a, Option<Partner>>;

    /// All partners, oldest first.
    fn partners(&self) -> StoreFuture<'_, Vec<Partner>>;

    /// Changes a partner's limits; the partner as it is then, if there is one.
    fn set_limits<'a>(
        &'a self,
        api_key: &'a str,
        policy: LimitPolicy,
    ) -> StoreFuture<'a, Option<Partner>>;

    /// Accepts a partner's key, or refuses it; the partner as it is then, if there is one.
    fn set_enabled<'a>(
        &'a self,
        api_key: &'a str,
        enabled: bool,
    ) -> StoreFuture<'a, Option<Partner>>;
}

/// The tokens.
pub trait TokenStore: Debug + Send + Sync {
    /// Adds a token, unless its organization has `bound` or more.
    fn insert_token(&self, token: StoredToken, bound: usize) -> StoreFuture<'_, Insertion>;

    /// The token with this digest, with the digest that the store holds: the caller compares again.
    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>>;

    /// An organization's tokens, newest first, expired ones included.
    fn tokens<'a>(&'a self, organization: &'a OrganizationId) -> StoreFuture<'a, Vec<TokenRecord>>;

    /// Adds the successor of an organization's token and, in the same step, has the token expire at
    /// `old_expires_at`, or earlier if it would anyway. The successor names the token it replaces.
    /// Refused where the token had expired when the successor was created, has a successor, or where the organization has
    /// `bound` tokens or more.
    fn rotate_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        successor: StoredToken,
        old_expires_at: Timestamp,
        bound: usize,
    ) -> StoreFuture<'a, Rotation>;

    /// Deletes an organization's token, for good.
    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Revocation>;

    /// Moves when tokens were last used forwards, never backwards. Unknown tokens are passed over.
    fn note_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()>;
}

/// What partners used of their daily quotas.
pub trait LimitStore: Debug + Send + Sync {
    /// How many permits a partner used on this day.
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64>;

    /// Adds to what was used: several processes add up. Days before the latest one may be forgotten.
    fn add_usage<'a>(&'a self, usages: &'a [Usage]) -> StoreFuture<'a, ()>;
}

/// Permits that a partner used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Whose permits.
    pub partner: PartnerId,
    /// The day: `LimitPolicy::day`.
    pub day: i64,
    /// How many.
    pub permits: u64,
}

/// What became of a record to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// It is kept.
    Inserted,
    /// There is no room for it: the key is taken, or the bound is reached. Nothing changed.
    Refused,
}

/// What became of a token to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// Its successor is kept, and it expires.
    Rotated,
    /// The organization has no such token.
    NotFound,
    /// It has expired.
    Expired,
    /// It has a successor.
    AlreadyRotated,
    /// The organization has too many tokens.
    Refused,
}

/// What became of a token to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Revocation {
    /// It is gone for good.
    Revoked,
    /// The organization has no such token.
    NotFound,
}
