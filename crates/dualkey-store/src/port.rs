use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use dualkey_limit::LimitPolicy;
use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, AuditId, ChangeNotifier, DailyUsage, InsertOutcome, OrganizationId, Page,
    Partner, PartnerId, RevokeOutcome, RotateOutcome, RotationRequest, StoreError, StoredToken,
    TokenId, TokenRecord, TokenUse,
};

/// What the verbs of a store return. The future is boxed so that a store can be a `dyn Store`; the
/// allocation is small beside a round trip to a database.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A backend for partners, tokens, usage and the audit trail.
///
/// - Each verb is atomic. What it acknowledges is stored; when it fails, nothing is known to have
///   changed.
/// - No verb restores a revoked token, changes a token's scopes, or moves its expiry later.
/// - A verb that takes an [`AuditEntry`] stores it in the same transaction, and only if something
///   changed.
/// - A write whose future is dropped may still happen, but then completely, and its change is
///   published. A read may be abandoned.
///
/// ```
/// use dualkey_store::{ApiKey, MemoryStore, PartnerStore};
///
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let unknown = ApiKey::parse("partner-key-1")?;
/// assert_eq!(store.partner_by_key(&unknown).await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait Store: PartnerStore + TokenStore + UsageStore + AuditStore {
    /// Where the store publishes each change, before it acknowledges the change.
    fn changes(&self) -> &ChangeNotifier;
}

/// Partners.
pub trait PartnerStore: Debug + Send + Sync {
    /// Adds a partner, unless another partner has its key.
    fn insert_partner(&self, partner: Partner, entry: AuditEntry)
    -> StoreFuture<'_, InsertOutcome>;

    /// The partner with exactly this key.
    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>>;

    /// All partners, oldest first.
    fn partners(&self) -> StoreFuture<'_, Vec<Partner>>;

    /// Changes a partner's limits. Returns the changed partner, or none if there is no such partner.
    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>>;

    /// Enables or disables a partner's key. Returns the changed partner, or none if there is no such
    /// partner.
    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>>;
}

/// Tokens.
pub trait TokenStore: Debug + Send + Sync {
    /// Adds a token, unless its organization has `max_tokens` or more.
    fn insert_token(
        &self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome>;

    /// The token with this digest, with the stored digest. The caller compares the two again in
    /// constant time, since an index may match loosely.
    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>>;

    /// One token of an organization.
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

    /// Adds the successor of a token. In the same transaction the old token gets the expiry of the
    /// request, unless it expires earlier.
    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome>;

    /// Deletes a token of an organization, for good.
    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome>;

    /// Records when tokens were used: the last use only moves later, and the first use stays. Unknown
    /// tokens are ignored.
    fn record_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()>;
}

/// What partners used of their daily quotas.
pub trait UsageStore: Debug + Send + Sync {
    /// The number of permits that a partner used on this day.
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64>;

    /// What each partner used on this day, in any order. Partners that used nothing may be absent.
    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>>;

    /// Adds to the stored usage, so that the usage of several processes adds up. A store may drop days
    /// before a partner's latest one.
    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()>;
}

/// The audit trail. Entries are added with the changes that they describe, and no verb removes one.
pub trait AuditStore: Debug + Send + Sync {
    /// The changes to an organization's tokens or, without an organization, to partners; newest first.
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>>;
}
