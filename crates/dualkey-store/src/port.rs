use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, AuditId, ChangeNotifier, DailyUsage, InsertOutcome, IssueOutcome,
    IssueRequest, LimitsChange, LimitsOutcome, OrganizationId, Page, Partner, PartnerId,
    RenameOutcome, RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest, StoreError,
    StoredToken, TokenAccess, TokenId, TokenRecord, TokenUse,
};

/// The future that a method of a store returns. It is boxed so that a store can be a `dyn Store`. The
/// allocation takes little time compared with a round trip to a database.
///
/// ```
/// use std::future::ready;
/// use dualkey_store::{StoreError, StoreFuture};
///
/// fn count(is_connected: bool) -> StoreFuture<'static, u64> {
///     Box::pin(ready(if is_connected { Ok(7) } else { Err(StoreError::new("no connection")) }))
/// }
/// # pollster::block_on(async {
/// assert_eq!(count(true).await.unwrap(), 7);
/// assert!(count(false).await.is_err());
/// # });
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A backend for partners, tokens, usage and the audit trail.
///
/// - Each method is atomic. After `Ok`, the change is stored. After an error, it is unknown whether the
///   change was stored.
/// - No method restores a revoked token, changes a token's scopes, or moves its expiry later.
/// - A method that takes an [`AuditEntry`] stores it in the same transaction, and only if something
///   changed.
/// - A write whose future is dropped either does not happen, or happens completely and its change is
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

    /// Completes when every change that was committed before the call, by any process, was published to
    /// the listeners of [`changes`](Self::changes).
    ///
    /// Concurrent calls share one read of the change log. A store that other processes can change reads at
    /// once if its last read began 200 ms ago or longer, and waits for the rest of this time otherwise. So
    /// these calls cause at most 5 reads a second, whatever their rate.
    fn catch_up(&self) -> StoreFuture<'_, ()>;
}

/// The methods of a [`Store`] for partners.
pub trait PartnerStore: Debug + Send + Sync {
    /// Adds a partner. Refuses it if another partner has its key.
    fn insert_partner(&self, partner: Partner, entry: AuditEntry)
    -> StoreFuture<'_, InsertOutcome>;

    /// The partner with exactly this key. Keys are case-sensitive.
    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>>;

    /// All partners, oldest first.
    fn partners(&self) -> StoreFuture<'_, Vec<Partner>>;

    /// Changes those limits of a partner that the change names, so that two concurrent changes of different
    /// limits both stay. The store sets the detail of the entry to the new limits.
    fn change_limits(
        &self,
        partner: PartnerId,
        change: LimitsChange,
        entry: AuditEntry,
    ) -> StoreFuture<'_, LimitsOutcome>;

    /// Enables or disables a partner's key. Returns the changed partner, or `None` if there is no such
    /// partner.
    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>>;
}

/// The methods of a [`Store`] for tokens.
///
/// ```
/// use dualkey_store::{NewToken, TokenStore};
/// use dualkey_token::TokenDigest;
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
/// let store = registry.store();
/// assert!(store.token_by_digest(&issued.secret.digest()).await?.is_some());
/// assert!(store.token_by_digest(&TokenDigest::of(b"gw_unknown")).await?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait TokenStore: Debug + Send + Sync {
    /// Adds a token. Refuses it if, at the time of its creation, an [active](crate::TokenStatus::Active)
    /// token of its organization has its name, or its organization has `max_tokens` or more that have not
    /// expired.
    ///
    /// A nonce is stored in the same transaction, with the token's organization, id and time of creation. If
    /// the organization used the nonce before, the outcome is `AlreadyDone`, whatever else holds.
    fn insert_token(
        &self,
        request: IssueRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, IssueOutcome>;

    /// The token with this digest, and the digest as stored. The caller compares the two digests again in
    /// constant time, because an index may match loosely.
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

    /// The tokens of all organizations whose [method](crate::DigestMethod) is not `Peppered`, newest first.
    fn unpeppered_tokens(&self, page: Page<TokenId>) -> StoreFuture<'_, Vec<TokenRecord>>;

    /// Tokens that have expired at this time, of one organization or of all. Those that expired first come
    /// first.
    fn expired_tokens<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        at: Timestamp,
        limit: u32,
    ) -> StoreFuture<'a, Vec<TokenRecord>>;

    /// An organization's [active](crate::TokenStatus::Active) tokens that have not expired at the time
    /// `after`, and have at the time `until`. Those that expire first come first.
    fn expiring_tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        after: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'a, Vec<TokenRecord>>;

    /// Deletes those of the tokens that the entries are about which have expired at this time, and stores the
    /// entries of these. Returns their number.
    fn prune_tokens(&self, at: Timestamp, entries: Vec<AuditEntry>) -> StoreFuture<'_, u64>;

    /// Up to `limit` tokens of all organizations in ascending order of their ids, expired ones included.
    /// Begins after the id `after`, or with the first token. A cache that reads all tokens passes the last
    /// id of each batch to the next call.
    fn tokens_after(
        &self,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<TokenAccess>>;

    /// Adds the successor of a token. In the same transaction, the old token gets the expiry of the
    /// request unless it expires earlier. Names are not compared, since the successor takes the place of
    /// the old token. A nonce is stored as [`insert_token`](Self::insert_token) does.
    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome>;

    /// Gives a token another name. Refuses it if the token is [active](crate::TokenStatus::Active) and
    /// another active token of its organization has this name. The store sets the detail of the entry to
    /// [`RenameRequest::detail`]. A token that has this name stays as it is, and no entry is stored.
    fn rename_token(
        &self,
        request: RenameRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RenameOutcome>;

    /// Deletes a token of an organization. Nothing can restore it.
    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome>;

    /// Deletes nonces that were used before this time, and returns their number. A store may delete a part of
    /// them: zero means that none is left. Nothing else deletes a nonce, so they outlive their tokens.
    fn prune_nonces(&self, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Records when tokens were used. The first recorded use stays, and the last use only moves later, with
    /// its partner. A
    /// stored time that lies ahead of `now` was recorded under a wrong clock, and is replaced; a use that
    /// lies ahead of `now` [counts as one at `now`](TokenUse::not_after). Unknown tokens are ignored.
    fn record_uses<'a>(&'a self, uses: &'a [TokenUse], now: Timestamp) -> StoreFuture<'a, ()>;
}

/// The methods of a [`Store`] for the permits that partners used, per day. [`LimitPolicy::day`](dualkey_limit::LimitPolicy::day) counts
/// days.
///
/// ```
/// use dualkey_store::{DailyUsage, MemoryStore, PartnerId, UsageStore};
///
/// # pollster::block_on(async {
/// let (store, partner) = (MemoryStore::new(), PartnerId::from_bytes([1; 16]));
/// let usage = |permits| DailyUsage { partner, day: 19_000, permits };
/// store.add_usage(&[usage(3), usage(4)]).await?;
/// assert_eq!(store.usage(partner, 19_000).await?, 7);
/// assert_eq!(store.usage_on(19_000).await?, [usage(7)]);
/// assert_eq!(store.usage(partner, 19_001).await?, 0); // none yet on the next day
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait UsageStore: Debug + Send + Sync {
    /// The number of permits that a partner used on this day. Zero if none are recorded.
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64>;

    /// The permits that each partner used on this day, in any order. Partners that used none may be absent.
    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>>;

    /// Adds to the stored usage, so that the usage of several processes adds up.
    ///
    /// Each day of a partner has its own count, in whichever order the days come: a process whose clock is
    /// wrong adds to another day, and changes nothing of the current one. A store keeps the newest 32 days
    /// of each partner. It drops the oldest when a day is added, and never the day that is added, so that
    /// no number of days that lie ahead displaces the current day.
    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()>;
}

/// The audit trail of a [`Store`]. Entries are added with the changes that they describe, and no method
/// removes one.
pub trait AuditStore: Debug + Send + Sync {
    /// The changes to an organization's tokens or, without an organization, to partners. Newest first.
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>>;
}
