//! A verifier on a clock that stands still, and a store that counts what it is asked.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "not every test uses all, and helpers may panic"
)]

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use http::{HeaderMap, HeaderName, HeaderValue};
use pollster::block_on;
use tollgate_limit::{FakeClock, LimitPolicy, Timestamp};
use tollgate_scope::{Catalogue, Requirement};
use tollgate_store::{
    AuditEntry, AuditId, AuditStore, Changes, Insertion, IssuedToken, LimitStore, MemoryStore,
    NewPartner, NewToken, OrganizationId, Page, Partner, PartnerId, PartnerStore, Registry,
    Revocation, Rotation, Store, StoreError, StoreFuture, StoredToken, Succession, TokenId,
    TokenRecord, TokenStore, TokenUse, Usage,
};
use tollgate_token::{Prefix, TokenDigest};
use tollgate_verify::{Denial, Grant, Verifier};

pub const KEY: &str = "abcd1234efgh5678";
/// Noon.
pub const START: Timestamp = Timestamp::from_secs(1_699_963_200);

/// A store in memory whose changes may be missed, that counts questions and can fail or dawdle.
#[derive(Debug, Default)]
pub struct Watched {
    inner: MemoryStore,
    changes: Changes,
    pub partner_look_ups: AtomicUsize,
    pub token_look_ups: AtomicUsize,
    pub writes: AtomicUsize,
    pub is_away: AtomicBool,
    /// Whether answers come at the second poll only.
    pub dawdles: AtomicBool,
}

impl Watched {
    fn answer<'a, T: Send + 'a>(&'a self, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let answer = answer.await;
            if self.dawdles.load(Ordering::SeqCst) {
                let mut is_first = true;
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
                })
                .await;
            }
            match self.is_away.load(Ordering::SeqCst) {
                true => Err(StoreError::new("the store is away")),
                false => answer,
            }
        })
    }

    pub fn asked(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.partner_look_ups), read(&self.token_look_ups))
    }
}

impl Store for Watched {
    fn changes(&self) -> &Changes {
        &self.changes
    }
}

impl PartnerStore for Watched {
    fn insert_partner(&self, partner: Partner, entry: AuditEntry) -> StoreFuture<'_, Insertion> {
        self.inner.insert_partner(partner, entry)
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a str) -> StoreFuture<'a, Option<Partner>> {
        self.partner_look_ups.fetch_add(1, Ordering::SeqCst);
        self.answer(self.inner.partner_by_key(api_key))
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        self.inner.partners()
    }

    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.inner.set_limits(partner, policy, entry)
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.inner.set_enabled(partner, enabled, entry)
    }
}

impl TokenStore for Watched {
    fn insert_token(
        &self,
        token: StoredToken,
        bound: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Insertion> {
        self.inner.insert_token(token, bound, entry)
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        self.token_look_ups.fetch_add(1, Ordering::SeqCst);
        self.answer(self.inner.token_by_digest(digest))
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        self.inner.token(organization, token)
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.inner.tokens(organization, page)
    }

    fn rotate_token(
        &self,
        token: TokenId,
        succession: Succession,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Rotation> {
        self.inner.rotate_token(token, succession, entry)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, Revocation> {
        self.inner.revoke_token(organization, token, entry)
    }

    fn note_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return self.answer(Box::pin(std::future::ready(Ok(()))));
        }
        self.answer(self.inner.note_uses(uses))
    }
}

impl LimitStore for Watched {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.answer(self.inner.usage(partner, day))
    }

    fn usages(&self) -> StoreFuture<'_, Vec<Usage>> {
        self.inner.usages()
    }

    fn add_usage<'a>(&'a self, usages: &'a [Usage]) -> StoreFuture<'a, ()> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return self.answer(Box::pin(std::future::ready(Ok(()))));
        }
        self.answer(self.inner.add_usage(usages))
    }
}

impl AuditStore for Watched {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        self.inner.audit(organization, page)
    }
}

/// A verifier with one partner and one token, on a clock that stands still.
pub struct Setting {
    pub store: Arc<Watched>,
    pub clock: FakeClock,
    pub registry: Registry,
    pub verifier: Verifier,
    pub partner: Partner,
    pub token: IssuedToken,
}

impl Setting {
    pub fn new() -> Self {
        Self::with_policy(LimitPolicy::default())
    }

    pub fn with_policy(policy: LimitPolicy) -> Self {
        let store = Arc::new(Watched::default());
        let clock = FakeClock::new(START);
        let shared: Arc<dyn Store> = Arc::<Watched>::clone(&store);
        let registry =
            Registry::new(catalogue(), Prefix::new("gw"), shared, Arc::new(clock.clone()));
        let new = NewPartner { name: "One".into(), policy, api_key: Some(KEY.into()) };
        let partner = block_on(registry.register_partner(new)).unwrap();
        let verifier = Verifier::new(registry.clone());
        let token = issue(&registry, None);
        Self { store, clock, registry, verifier, partner, token }
    }

    pub fn secret(&self) -> &str {
        self.token.secret.expose_secret()
    }

    pub fn verify(&self, headers: &HeaderMap) -> Result<Grant, Denial> {
        block_on(self.verifier.verify(headers, &Requirement::NONE))
    }

    /// A request with the partner's key and this token.
    pub fn present(&self, token: &str) -> Result<Grant, Denial> {
        self.verify(&bearer(KEY, token))
    }

    pub fn code(&self, token: &str) -> &'static str {
        self.present(token).map_or_else(|denial| denial.code(), |_| "granted")
    }
}

pub fn catalogue() -> Catalogue {
    Catalogue::builder().scope("a:read", "A").scope("b:read", "B").build().unwrap()
}

pub fn issue(registry: &Registry, expires_at: Option<Timestamp>) -> IssuedToken {
    let token = NewToken {
        organization: "acme".into(),
        name: "token".into(),
        scopes: vec!["a:read".into()],
        expires_at,
    };
    block_on(registry.issue_token(token)).unwrap()
}

/// A well-formed token that nobody issued.
pub fn stranger() -> String {
    tollgate_token::PlainToken::mint(&Prefix::new("gw")).expose_secret().to_owned()
}

pub fn bearer(api_key: &str, token: &str) -> HeaderMap {
    headers(&[("x-api-key", api_key), ("authorization", &format!("Bearer {token}"))])
}

pub fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}
