//! Each denial over a socket. The response equals that of the tower layer, byte for byte.

use crate::support::{Fixture, KEY, bearer, policy, unknown_token};
use dualkey_actix::Gate;
use dualkey_limit::LimitPolicy;
use dualkey_testing::{Fault, FaultyStore};

#[actix_web::test]
async fn a_missing_partner_key_gets_a_challenge() {
    let fixture = Fixture::new();
    let refusal = fixture.last_refusal("guests:read", &[&[]]).await;
    refusal.assert_refused(401, "api_key_missing");
    let challenge = r#"ApiKey realm="api", in="header", name="X-Api-Key""#;
    assert_eq!(refusal.field("www-authenticate"), Some(challenge));
}

#[actix_web::test]
async fn an_unknown_partner_key_is_refused() {
    let fixture = Fixture::new();
    let refusal = fixture.last_refusal("guests:read", &[&[("x-api-key", KEY)]]).await;
    refusal.assert_refused(401, "api_key_invalid");
}

#[actix_web::test]
async fn a_missing_token_gets_a_challenge() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let refusal = fixture.last_refusal("guests:read", &[&[("x-api-key", KEY)]]).await;
    refusal.assert_refused(401, "token_missing");
    assert_eq!(refusal.field("www-authenticate"), Some(r#"Bearer realm="api""#));
}

#[actix_web::test]
async fn a_repeated_partner_key_is_refused_even_if_both_are_right() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let request = [("x-api-key", KEY), ("authorization", &token), ("X-Api-Key", KEY)];
    let refusal = fixture.last_refusal("guests:read", &[&request]).await;
    refusal.assert_refused(400, "header_repeated");
    assert!(refusal.body.contains(r#""field":"X-Api-Key""#), "{}", refusal.body);
}

#[actix_web::test]
async fn a_repeated_token_is_refused_even_if_both_are_right() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let field = ("authorization", token.as_str());
    let refusal = fixture.last_refusal("guests:read", &[&[("x-api-key", KEY), field, field]]).await;
    refusal.assert_refused(400, "header_repeated");
    let challenge = r#"Bearer realm="api", error="invalid_request""#;
    assert_eq!(refusal.field("www-authenticate"), Some(challenge));
}

#[actix_web::test]
async fn an_unknown_token_is_invalid() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let request = [("x-api-key", KEY), ("authorization", &bearer(&unknown_token()))];
    let refusal = fixture.last_refusal("guests:read", &[&request]).await;
    refusal.assert_refused(401, "token_invalid");
    let challenge = r#"Bearer realm="api", error="invalid_token""#;
    assert_eq!(refusal.field("www-authenticate"), Some(challenge));
}

#[actix_web::test]
async fn a_token_with_other_bytes_than_ascii_is_invalid() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let request = [("x-api-key", KEY), ("authorization", "Bearer gw_\u{e9}")];
    let refusal = fixture.last_refusal("guests:read", &[&request]).await;
    refusal.assert_refused(401, "token_invalid");
}

#[actix_web::test]
async fn a_missing_scope_is_named() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let request = [("x-api-key", KEY), ("authorization", &bearer(&fixture.token().await))];
    let refusal = fixture.last_refusal("guests:edit", &[&request]).await;
    refusal.assert_refused(403, "scope_insufficient");
    assert_eq!(
        refusal.field("www-authenticate"),
        Some(r#"Bearer realm="api", error="insufficient_scope", scope="guests:edit""#)
    );
    assert_eq!(
        refusal.limits(),
        [
            Some(r#""burst";q=10;w=2, "daily";q=10000;w=86400"#),
            Some(r#""burst";r=9;t=2, "daily";r=9999;t=43200"#)
        ]
    );
}

#[actix_web::test]
async fn an_exhausted_burst_gets_the_time_to_wait() {
    let fixture = Fixture::new();
    fixture.partner(policy(1, 100)).await;
    let request = [("x-api-key", KEY), ("authorization", &bearer(&fixture.token().await))];
    let refusal = fixture.last_refusal("guests:read", &[&request, &request]).await;
    refusal.assert_refused(429, "rate_limited");
    assert_eq!(refusal.field("retry-after"), Some("60"));
    assert_eq!(refusal.limits()[1], Some(r#""burst";r=0;t=60, "daily";r=99;t=43200"#));
}

#[actix_web::test]
async fn an_exhausted_day_gets_the_time_until_it_ends() {
    let fixture = Fixture::new();
    fixture.partner(policy(10, 1)).await;
    let request = [("x-api-key", KEY), ("authorization", &bearer(&fixture.token().await))];
    let refusal = fixture.last_refusal("guests:read", &[&request, &request]).await;
    refusal.assert_refused(429, "quota_exceeded");
    assert_eq!(refusal.field("retry-after"), Some("43200"));
}

#[actix_web::test]
async fn guessed_tokens_exhaust_the_attempts() {
    let fixture = Fixture::new();
    fixture.partner(policy(1, 1)).await;
    let (one, other) = (bearer(&unknown_token()), bearer(&unknown_token()));
    let guesses: [&[_]; 2] = [
        &[("x-api-key", KEY), ("authorization", &one)],
        &[("x-api-key", KEY), ("authorization", &other)],
    ];
    let refusal = fixture.last_refusal("guests:read", &guesses).await;
    refusal.assert_refused(429, "attempts_exceeded");
    assert_eq!(refusal.field("retry-after"), Some("60"));
}

#[actix_web::test]
async fn a_store_that_is_down_is_a_503() {
    let fixture = Fixture::on(FaultyStore::with_fault(Fault::Error));
    let refusal = fixture.last_refusal("guests:read", &[&[("x-api-key", KEY)]]).await;
    refusal.assert_refused(503, "unavailable");
    assert_eq!(refusal.field("retry-after"), Some("1"));
}

#[actix_web::test]
async fn a_refusal_mapper_replaces_the_whole_response() {
    let fixture = Fixture::new();
    let teapot_gate = |fixture: &Fixture| -> Gate {
        fixture.gate().with_refusal_mapper(|denial: &_, _: http::Response<bytes::Bytes>| {
            let denial: &dualkey_actix::Denial = denial;
            let answer = http::Response::builder().status(418);
            let answer = answer.header("x-why", "one").header("x-why", "two");
            answer.body(denial.code().into()).unwrap()
        })
    };
    let refusal = fixture.last_refusal_of(teapot_gate, "guests:read", &[&[]]).await;
    assert_eq!((refusal.status, refusal.body.as_str()), (418, "api_key_missing"));
    let whys = refusal.fields.iter().filter(|(name, _)| name == "x-why");
    assert_eq!(whys.map(|(_, why)| why.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(refusal.field("content-type"), None);
}
