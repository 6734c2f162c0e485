//! The names that programs elsewhere are compiled against: they stay, with their shapes.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use dualkey::{
    Catalogue, Clock, Denial, FakeClock, Gate, Grant, GuardedRouter, HeaderNames, InvalidPolicy,
    InvalidPrefix, LimitPolicy, LimitState, Limiter, MemoryStore, Meter, NewPartner, NewToken,
    OrganizationId, Outcome, ParseTokenErrorKind, Partner, PlainToken, Prefix, Rate, Registry,
    RegistryError, Requirement, ScopeSet, SystemClock, Timestamp, TokenDigest, TokenHint, TokenId,
    TokenRecord, UnknownScopes, Verifier,
};

const PREFIX: Prefix = Prefix::new("gw");

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn catalogue() -> Catalogue {
    Catalogue::builder()
        .scope("reservations:read", "Reservations - Read")
        .scope("full:read", "Full Access - Read")
        .implies("full:read", ["reservations:read"])
        .build()
        .unwrap()
}

#[test]
fn tokens() {
    let _from_configuration: Result<Prefix, InvalidPrefix> = Prefix::try_from("gw_test");
    let token = PlainToken::mint(&PREFIX);
    let parsed = PlainToken::parse(&PREFIX, token.expose_secret().as_bytes()).unwrap();
    let error = PlainToken::parse(&PREFIX, "gw_").unwrap_err();
    assert_eq!(error.kind(), ParseTokenErrorKind::Length);
    let _others = [
        ParseTokenErrorKind::Prefix,
        ParseTokenErrorKind::Character,
        ParseTokenErrorKind::Checksum,
    ];
    let digest: TokenDigest = token.digest();
    let same = TokenDigest::from_bytes(*digest.as_bytes());
    assert!(bool::from(same.ct_eq(&parsed.digest())));
    let hint: TokenHint = token.hint();
    assert!(hint.to_string().starts_with("*********"));
}

#[test]
fn scopes() {
    let catalogue = catalogue();
    let granted: Result<ScopeSet, UnknownScopes> = catalogue.grant(["full:read"]);
    let all: Result<Requirement, UnknownScopes> = catalogue.require_all(["reservations:read"]);
    let any: Result<Requirement, UnknownScopes> = catalogue.require_any(["full:read"]);
    for requirement in [all.unwrap(), any.unwrap(), Requirement::NONE] {
        assert!(requirement.is_met_by(granted.as_ref().unwrap()));
    }
}

#[test]
fn limits() {
    let _rates = [Rate::per_minute(number(1)), Rate::per_hour(number(1)), Rate::per_day(number(1))];
    let policy: Result<LimitPolicy, InvalidPolicy> =
        LimitPolicy::new(Rate::per_second(number(5)), number(10)).with_daily(number(10_000));
    assert_eq!(policy.unwrap(), LimitPolicy::default());
    let (policy, now) = (LimitPolicy::default(), Timestamp::from_nanos(1));
    let (state, outcome): (LimitState, Outcome) = LimitState::default().take(&policy, now, 1);
    assert!(outcome.is_allowed() && outcome.retry_after().is_none());
    assert_eq!((outcome.burst_remaining(), outcome.daily_remaining()), (9, Some(9_999)));
    match Meter::from(state).take(&policy, now, 1) {
        Outcome::Allowed(_standing) => {}
        Outcome::BurstExceeded(_refusal) | Outcome::QuotaExceeded(_refusal) => unreachable!(),
        _ => unreachable!(),
    }
    let _standing: Outcome = Meter::new().peek(&policy, now, 1);
    assert_eq!(Meter::new().state(), LimitState::default());
    let limiter = Limiter::<u64>::new(policy);
    assert!(limiter.take(&42, now, 1).is_allowed());
    assert!(limiter.take_with(&42, &policy, now, 1).is_allowed());
    let _clocks: [&dyn Clock; 2] = [&SystemClock, &FakeClock::new(now)];
}

#[tokio::test]
async fn registry_verifier_and_layer() {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(SystemClock));
    let registry = Registry::new(catalogue(), PREFIX, store, clock);
    let _short: Registry = Registry::in_memory(catalogue(), PREFIX);
    let partner: Result<Partner, RegistryError> =
        registry.register_partner(NewPartner::new("One")).await;
    let token = NewToken::new("acme", "Zapier - production", ["reservations:read"]);
    let issued = registry.issue_token(token).await.unwrap();
    let (secret, record): (&PlainToken, &TokenRecord) = (&issued.secret, &issued.record);
    let (acme, id): (OrganizationId, TokenId) = ("acme".into(), record.id);
    assert_eq!(registry.tokens(&acme).await.unwrap().len(), 1);
    let idle: Vec<TokenRecord> =
        registry.idle_tokens(&acme, Timestamp::from_nanos(0)).await.unwrap();
    assert!(idle.is_empty());

    let verifier = Verifier::builder(registry.clone())
        .max_staleness(Duration::from_secs(5))
        .max_tokens(1_000)
        .header_names(HeaderNames::default())
        .build();
    let mut headers = HeaderMap::new();
    let denial = verifier.verify(&headers, &Requirement::NONE).await.unwrap_err();
    assert_eq!((denial.code(), denial.status()), ("api_key_missing", StatusCode::UNAUTHORIZED));
    assert_eq!(denial.retry_after(), None);
    headers.insert("x-api-key", partner.as_ref().unwrap().api_key.as_str().parse().unwrap());
    let bearer = format!("Bearer {}", secret.expose_secret());
    headers.insert("authorization", bearer.parse().unwrap());
    let one = NonZeroU32::MIN;
    let cached: Option<Result<Grant, Denial>> =
        verifier.try_verify_cached(&headers, &Requirement::NONE, one);
    assert!(cached.is_none(), "the partner is not cached yet");
    let grant = verifier.verify(&headers, &Requirement::NONE).await.unwrap();
    assert_eq!((grant.partner, &grant.organization), (partner.unwrap().id, &acme));
    assert_eq!((grant.token, grant.scopes.len(), grant.standing.burst_remaining()), (id, 1, 9));

    let gate = Gate::new(verifier);
    let _router: axum::Router = axum::Router::new().layer(gate.require(Requirement::NONE));
    let _guarded: axum::Router = GuardedRouter::new(gate)
        .public(Method::GET, "/healthz", async || "ok")
        .require(Method::GET, "/guests", Requirement::NONE, async || "guests")
        .into_router();
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.extensions.insert(grant);
    assert!(Grant::from_request_parts(&mut parts, &()).await.is_ok());

    let rotated = registry.rotate_token(&acme, &id, Duration::from_secs(60)).await.unwrap();
    registry.revoke_token(&acme, &rotated.record.id).await.unwrap();
}
