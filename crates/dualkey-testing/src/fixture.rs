use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dualkey_limit::{FakeClock, LimitPolicy, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{ApiKey, IssuedToken, NewPartner, NewToken, Partner, Registry, Store};
use dualkey_token::Prefix;
use dualkey_tower::Gate;
use dualkey_verify::Verifier;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use pollster::block_on;

use crate::FaultyStore;

/// 2023-11-15 12:00:00 UTC, the time at which a [`Fixture`] starts: 43,200 seconds before midnight.
pub const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

/// A gate with one partner and one token, on a clock that only the test moves.
///
/// The scopes are `guests:read`, `guests:edit`, `reservations:read` and `reservations:edit`. The token
/// belongs to the organization `acme` and carries `guests:read`. The [`FaultyStore`] does
/// not publish its changes, so caches notice them only when their entries become stale.
///
/// ```
/// use std::time::Duration;
/// use dualkey_testing::Fixture;
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new();
/// let verifier = fixture.gate.verifier();
/// let guests_read = fixture.require("guests:read");
/// for _ in 0..10 {
///     verifier.verify(&fixture.headers(), &guests_read).await.unwrap();
/// }
/// let denial = verifier.verify(&fixture.headers(), &guests_read).await.unwrap_err();
/// assert_eq!(denial.code(), "rate_limited");
///
/// fixture.clock.advance(Duration::from_secs(1));
/// assert!(verifier.verify(&fixture.headers(), &guests_read).await.is_ok());
/// # });
/// ```
#[derive(Debug)]
pub struct Fixture {
    /// The clock of the registry and the gate. It starts at [`NOON`].
    pub clock: FakeClock,
    /// The store of the registry.
    pub store: Arc<FaultyStore>,
    /// The registry of tokens with the prefix `gw`.
    pub registry: Registry,
    /// The partner, whose key is `partner-key-1`.
    pub partner: Partner,
    /// The token.
    pub issued: IssuedToken,
    /// The gate on this registry.
    pub gate: Gate,
}

impl Fixture {
    /// A fixture whose partner has the default limits: 5 requests per second, bursts of 10, and 10,000
    /// per day.
    #[must_use]
    pub fn new() -> Self {
        Self::with_policy(LimitPolicy::default())
    }

    /// A fixture whose partner has these limits.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::{LimitPolicy, Rate};
    /// use dualkey_testing::Fixture;
    ///
    /// let one = NonZeroU32::MIN;
    /// let fixture = Fixture::with_policy(LimitPolicy::new(Rate::per_minute(one), one));
    /// assert_eq!(fixture.partner.policy.burst(), one);
    /// ```
    ///
    /// # Panics
    ///
    /// If the limits are out of range.
    #[must_use]
    pub fn with_policy(policy: LimitPolicy) -> Self {
        let (clock, store) = (FakeClock::new(NOON), Arc::new(FaultyStore::new()));
        let shared: Arc<dyn Store> = Arc::<FaultyStore>::clone(&store);
        let prefix = Prefix::new("gw");
        let registry = Registry::new(catalogue(), prefix, shared, Arc::new(clock.clone()));
        let key = ApiKey::parse("partner-key-1").expect("the key is well-formed");
        let partner = NewPartner::new("Zapier").with_policy(policy).with_api_key(key);
        let partner = block_on(registry.register_partner(partner)).expect("the limits are valid");
        let issued = issue(&registry, &["guests:read"]);
        let gate = Gate::new(Verifier::new(registry.clone()));
        Self { clock, store, registry, partner, issued, gate }
    }

    /// The two header fields of a request with the partner's key and the token.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.headers_with(self.issued.secret.expose_secret())
    }

    /// The two header fields of a request with the partner's key and another token.
    ///
    /// ```
    /// let fixture = dualkey_testing::Fixture::new();
    /// assert_eq!(fixture.headers_with("gw_unknown")["authorization"], "Bearer gw_unknown");
    /// assert_eq!(fixture.headers_with("gw_unknown")["x-api-key"], "partner-key-1");
    /// ```
    ///
    /// # Panics
    ///
    /// If the token has control characters.
    #[must_use]
    pub fn headers_with(&self, token: &str) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("no control characters");
        let api_key = (HeaderName::from_static("x-api-key"), value(self.partner.api_key.as_str()));
        HeaderMap::from_iter([api_key, (AUTHORIZATION, value(&format!("Bearer {token}")))])
    }

    /// Issues another token of `acme`, with these scopes.
    ///
    /// ```
    /// let fixture = dualkey_testing::Fixture::new();
    /// let editor = fixture.issue(&["guests:read", "guests:edit"]);
    /// assert_eq!(editor.record.scopes, ["guests:read", "guests:edit"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a scope is unknown, or the store fails.
    #[must_use]
    pub fn issue(&self, scopes: &[&str]) -> IssuedToken {
        issue(&self.registry, scopes)
    }

    /// The requirement of this scope.
    ///
    /// # Panics
    ///
    /// If the scope is unknown.
    #[must_use]
    pub fn require(&self, scope: &str) -> Requirement {
        self.registry.catalogue().require_all([scope]).expect("the catalogue has this scope")
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::builder()
        .scope("guests:read", "Guests - Read")
        .scope("guests:edit", "Guests - Edit")
        .scope("reservations:read", "Reservations - Read")
        .scope("reservations:edit", "Reservations - Edit")
        .build();
    catalogue.expect("the names are well-formed and distinct")
}

fn issue(registry: &Registry, scopes: &[&str]) -> IssuedToken {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    let name = format!("token {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let token = NewToken::new("acme", name, scopes.iter().copied());
    block_on(registry.issue_token(token)).expect("the scopes are known and the store works")
}
