use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, AuditId, ChangeNotifier, OrganizationId, Partner, PartnerId, StoreError,
    StoredToken, TokenId, TokenRecord, TokenUse,
};

/// What a store's verbs return. Boxed, so that a store is a `dyn Store`: the price is paid where a
/// network or a disk is paid for too.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where partners and tokens are kept.
///
/// Each verb is atomic. What it acknowledges is kept; when it fails, nothing is known to have changed.
/// No verb brings a revoked token back, changes a token's scopes or moves its expiry later. A verb that
/// takes an [`AuditEntry`] keeps it in the same step, and only if something changed. A change whose
/// future is dropped may still happen, wholly, and is announced then; other verbs may be given up.
pub trait Store: PartnerStore + TokenStore + UsageStore + AuditStore {
    /// Where changes are announced, before they are acknowledged.
    fn changes(&self) -> &ChangeNotifier;
}

/// The partners.
pub trait PartnerStore: Debug + Send + Sync {
    /// Adds a partner, unless another has its key.
    fn insert_partner(&self, partner: Partner, entry: AuditEntry)
    -> StoreFuture<'_, InsertOutcome>;

    /// The partner with exactly this key.
    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>>;

    /// All partners, oldest first.
    fn partners(&self) -> StoreFuture<'_, Vec<Partner>>;

    /// Changes a partner's limits; the partner as it is then, if there is one.
    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>>;

    /// Accepts a partner's key, or refuses it; the partner as it is then, if there is one.
    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>>;
}

/// The tokens.
pub trait TokenStore: Debug + Send + Sync {
    /// Adds a token, unless its organization has `max_tokens` or more.
    fn insert_token(
        &self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome>;

    /// The token with this digest, with the digest that the store holds: the caller compares again.
    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>>;

    /// An organization's token.
    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>>;

    /// An organization's tokens, newest first, expired ones included.
    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>>;

    /// Adds the successor of its organization's token and, in the same step, has the token expire at
    /// the request's time, or earlier if it would anyway.
    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome>;

    /// Deletes an organization's token, for good.
    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome>;

    /// Moves when tokens were last used forwards, never backwards, and keeps when they were first used.
    /// Unknown tokens are passed over.
    fn record_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()>;
}

/// What partners used of their daily quotas.
pub trait UsageStore: Debug + Send + Sync {
    /// How many permits a partner used on this day.
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64>;

    /// What each partner used on the latest day on which it used anything.
    fn usages(&self) -> StoreFuture<'_, Vec<DailyUsage>>;

    /// Adds to what was used: several processes add up. Days before the latest one may be forgotten.
    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()>;
}

/// The audit trail. Entries come with the changes that they tell of, and nothing removes one.
pub trait AuditStore: Debug + Send + Sync {
    /// What was done to an organization's tokens or, without one, to partners; newest first.
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>>;
}

/// A part of a list that begins with the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last one of the page before.
    pub after: Option<Id>,
    /// How many at most.
    pub limit: u32,
}

impl<Id> Page<Id> {
    /// The first page, with so many at most.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

/// A token that takes the place of another.
#[derive(Clone, Debug)]
pub struct RotationRequest {
    /// The new token, which names the one that it replaces, of the same organization.
    pub successor: StoredToken,
    /// From when on the old one is refused, unless it is earlier.
    pub old_expires_at: Timestamp,
    /// How many tokens the organization may have with the successor.
    pub max_tokens: usize,
}

/// Permits that a partner used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyUsage {
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
pub enum InsertOutcome {
    /// It is kept.
    Inserted,
    /// There is no room for it: the key is taken, or the bound is reached. Nothing changed.
    Refused,
}

/// What became of a token to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RotateOutcome {
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
pub enum RevokeOutcome {
    /// It is gone for good.
    Revoked,
    /// The organization has no such token.
    NotFound,
}
