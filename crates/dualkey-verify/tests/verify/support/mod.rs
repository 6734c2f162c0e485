//! A verifier on a clock that stands still, and what it is asked.

pub(crate) mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dualkey_limit::{FakeClock, LimitPolicy, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{IssuedToken, NewPartner, NewToken, Partner, Registry, Store};
use dualkey_testing::FaultyStore;
use dualkey_token::Prefix;
use dualkey_verify::{Denial, Grant, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};
use pollster::block_on;

pub(crate) const KEY: &str = "abcd1234efgh5678";
/// Noon.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_699_963_200);

/// A verifier with one partner and one token, on a clock that stands still.
pub(crate) struct Setting {
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) clock: FakeClock,
    pub(crate) registry: Registry,
    pub(crate) verifier: Verifier,
    pub(crate) partner: Partner,
    pub(crate) token: IssuedToken,
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self::with_policy(LimitPolicy::default())
    }

    pub(crate) fn with_policy(policy: LimitPolicy) -> Self {
        let store = Arc::new(FaultyStore::new());
        let clock = FakeClock::new(START);
        let shared: Arc<dyn Store> = Arc::<FaultyStore>::clone(&store);
        let registry =
            Registry::new(catalogue(), Prefix::new("gw"), shared, Arc::new(clock.clone()));
        let new = NewPartner::new("One").with_policy(policy).with_api_key(KEY.parse().unwrap());
        let partner = block_on(registry.register_partner(new)).unwrap();
        let verifier = Verifier::new(registry.clone());
        let token = issue(&registry, None);
        Self { store, clock, registry, verifier, partner, token }
    }

    pub(crate) fn secret(&self) -> &str {
        self.token.secret.expose_secret()
    }

    pub(crate) fn verify(&self, headers: &HeaderMap) -> Result<Grant, Denial> {
        block_on(self.verifier.verify(headers, &Requirement::NONE))
    }

    /// A request with the partner's key and this token.
    pub(crate) fn present(&self, token: &str) -> Result<Grant, Denial> {
        self.verify(&bearer(KEY, token))
    }

    /// The lookups of partners and of tokens in the store.
    pub(crate) fn lookups(&self) -> (usize, usize) {
        (self.store.partner_lookups(), self.store.token_lookups())
    }

    pub(crate) fn code(&self, token: &str) -> &'static str {
        self.present(token).map_or_else(|denial| denial.code(), |_| "granted")
    }
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::builder().scope("a:read", "A").scope("b:read", "B").build().unwrap()
}

pub(crate) fn issue(registry: &Registry, expires_at: Option<Timestamp>) -> IssuedToken {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    let name = format!("token {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let token = NewToken::new("acme", name, ["a:read"]);
    let token = match expires_at {
        Some(expires_at) => token.with_expiry(expires_at),
        None => token,
    };
    block_on(registry.issue_token(token)).unwrap()
}

/// A well-formed token that was never issued.
pub(crate) fn unknown_token() -> String {
    dualkey_token::PlainToken::mint(&Prefix::new("gw")).expose_secret().to_owned()
}

pub(crate) fn bearer(api_key: &str, token: &str) -> HeaderMap {
    headers(&[("x-api-key", api_key), ("authorization", &format!("Bearer {token}"))])
}

pub(crate) fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}
