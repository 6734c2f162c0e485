use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use dualkey_limit::LimitPolicy;
use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, AuditId, AuditStore, ChangeNotifier, DailyUsage, InsertOutcome,
    MemoryStore, OrganizationId, Page, Partner, PartnerId, PartnerStore, RevokeOutcome,
    RotateOutcome, RotationRequest, Store, StoreError, StoreFuture, StoredToken, TokenId,
    TokenRecord, TokenStore, TokenUse, UsageStore,
};

/// A [`MemoryStore`] for tests, that fails when it is told to and counts what it is asked.
///
/// Its changes reach nobody unless the test [publishes](ChangeNotifier::publish) them, as if another process
/// made them.
#[derive(Debug, Default)]
pub struct FaultyStore {
    inner: MemoryStore,
    changes: ChangeNotifier,
    fault: AtomicU8,
    partner_lookups: AtomicUsize,
    token_lookups: AtomicUsize,
    writes: AtomicUsize,
    rows: AtomicUsize,
}

/// What ails a [`FaultyStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None = 0,
    /// Every verb fails.
    Error = 1,
    /// Every answer comes at the second time that it is polled.
    Delay = 2,
    /// No answer ever comes.
    Hang = 3,
}

impl FaultyStore {
    /// An empty store that nothing ails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that this ails.
    #[must_use]
    pub fn with_fault(fault: Fault) -> Self {
        Self { fault: AtomicU8::new(fault as u8), ..Self::default() }
    }

    /// From now on, this ails it.
    pub fn set_fault(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// How often it was asked for a partner by key.
    pub fn partner_lookups(&self) -> usize {
        self.partner_lookups.load(Ordering::SeqCst)
    }

    /// How often it was asked for a token by digest.
    pub fn token_lookups(&self) -> usize {
        self.token_lookups.load(Ordering::SeqCst)
    }

    /// How often it was told of uses or usage.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// Of how many tokens' uses and partners' usage it was told.
    pub fn rows_written(&self) -> usize {
        self.rows.load(Ordering::SeqCst)
    }

    fn run<'a, T, F>(&'a self, verb: F) -> StoreFuture<'a, T>
    where
        T: Send + 'a,
        F: FnOnce(&'a MemoryStore) -> StoreFuture<'a, T> + Send + 'a,
    {
        Box::pin(async move {
            match self.fault.load(Ordering::SeqCst) {
                fault if fault == Fault::Error as u8 => Err(StoreError::new("the store is away")),
                fault if fault == Fault::Hang as u8 => pending().await,
                fault if fault == Fault::Delay as u8 => {
                    let answer = verb(&self.inner).await;
                    let mut is_first = true;
                    poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                    answer
                }
                _ => verb(&self.inner).await,
            }
        })
    }
}

fn count(of: &AtomicUsize) {
    of.fetch_add(1, Ordering::SeqCst);
}

impl Store for FaultyStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }
}

impl PartnerStore for FaultyStore {
    fn insert_partner(
        &self,
        partner: Partner,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        self.run(|inner| inner.insert_partner(partner, entry))
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        count(&self.partner_lookups);
        self.run(move |inner| inner.partner_by_key(api_key))
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        self.run(|inner| inner.partners())
    }

    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.run(move |inner| inner.set_limits(partner, policy, entry))
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.run(move |inner| inner.set_enabled(partner, enabled, entry))
    }
}

impl TokenStore for FaultyStore {
    fn insert_token(
        &self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        self.run(move |inner| inner.insert_token(token, max_tokens, entry))
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        count(&self.token_lookups);
        self.run(move |inner| inner.token_by_digest(digest))
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        self.run(move |inner| inner.token(organization, token))
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.run(move |inner| inner.tokens(organization, page))
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        self.run(move |inner| inner.rotate_token(token, request, entry))
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        self.run(move |inner| inner.revoke_token(organization, token, entry))
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        count(&self.writes);
        self.rows.fetch_add(uses.len(), Ordering::SeqCst);
        self.run(move |inner| inner.record_uses(uses))
    }
}

impl UsageStore for FaultyStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.run(move |inner| inner.usage(partner, day))
    }

    fn usages(&self) -> StoreFuture<'_, Vec<DailyUsage>> {
        self.run(|inner| inner.usages())
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        count(&self.writes);
        self.rows.fetch_add(usages.len(), Ordering::SeqCst);
        self.run(move |inner| inner.add_usage(usages))
    }
}

impl AuditStore for FaultyStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        self.run(move |inner| inner.audit(organization, page))
    }
}
