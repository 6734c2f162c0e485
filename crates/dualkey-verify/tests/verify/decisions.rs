//! Each denial, the order of the checks, and what each of them charges.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{KEY, START, Setting, bearer, catalogue, headers, issue, unknown_token};
use dualkey_limit::{Clock as _, LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_store::{Change, MemoryStore, NewPartner, Registry, Store as _, UsageStore as _};
use dualkey_testing::Fault;
use dualkey_token::{Digester, Pepper, Prefix};
use dualkey_verify::{CredentialField, Denial, HeaderNames, Verifier};
use http::{HeaderMap, HeaderName, StatusCode};
use pollster::block_on;
use proptest::prelude::*;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn replace_limits(setting: &Setting, policy: LimitPolicy) {
    let key = &setting.partner.api_key;
    block_on(setting.registry.set_limits(key, policy)).unwrap();
    setting.store.changes().publish(&Change::Partner(key.clone()));
}

fn denial(setting: &Setting, headers: &HeaderMap) -> (&'static str, u16) {
    let denial = setting.verify(headers).unwrap_err();
    (denial.code(), denial.status().as_u16())
}

#[test]
fn a_good_request_is_granted() {
    let setting = Setting::new();
    let grant = setting.present(setting.secret()).unwrap();
    assert_eq!(grant.partner, setting.partner.id);
    assert_eq!(grant.token, setting.token.record.id);
    assert_eq!(grant.organization.as_str(), "acme");
    assert_eq!(Vec::from_iter(setting.registry.catalogue().names(&grant.scopes)), ["a:read"]);
    assert_eq!(grant.standing.burst_remaining(), 9);
    assert_eq!(grant.standing.daily_remaining(), Some(9_999));
}

#[test]
fn a_missing_partner_key_is_denied() {
    let setting = Setting::new();
    let secret = format!("Bearer {}", setting.secret());
    for fields in [&[("authorization", secret.as_str())][..], &[("x-api-key", " ")], &[]] {
        assert_eq!(denial(&setting, &headers(fields)), ("api_key_missing", 401));
    }
}

#[test]
fn malformed_unknown_and_disabled_keys_are_invalid() {
    let setting = Setting::new();
    for key in ["seven77", "abcd1234, efgh5678", "ABCD1234EFGH5678", "abcd1234efgh5679"] {
        assert_eq!(denial(&setting, &bearer(key, setting.secret())), ("api_key_invalid", 401));
    }
    block_on(setting.registry.set_enabled(&setting.partner.api_key, false)).unwrap();
    setting.clock.advance(Duration::from_secs(6));
    assert_eq!(setting.code(setting.secret()), "api_key_invalid");
}

#[test]
fn a_token_in_place_of_the_partner_key_is_denied() {
    let setting = Setting::new();
    let misplaced = bearer(setting.secret(), setting.secret());
    let denial = setting.verify(&misplaced).unwrap_err();
    assert!(matches!(denial, Denial::ApiKeyInvalid { misplaced_token: true }));
    assert!(!denial.to_string().contains(&setting.secret()[3..]));
    assert_eq!(setting.lookups(), (0, 0));
}

#[test]
fn credentials_are_read_from_the_fields_of_the_settings() {
    let setting = Setting::new();
    let names = HeaderNames::default().with_api_key(HeaderName::from_static("x-partner"));
    let verifier = Verifier::builder(setting.registry.clone()).header_names(names).build();
    let bearer = format!("Bearer {}", setting.secret());
    for (name, is_read) in [("x-partner", true), ("x-api-key", false)] {
        let headers = headers(&[(name, KEY), ("authorization", &bearer)]);
        let decision = block_on(verifier.verify(&headers, &Requirement::NONE));
        assert_eq!(decision.is_ok(), is_read, "{name}");
    }
}

#[test]
fn a_missing_bearer_token_is_denied() {
    let setting = Setting::new();
    for value in ["", "Basic dXNlcjpwYXNz", "Bearer", setting.secret()] {
        let headers = headers(&[("x-api-key", KEY), ("authorization", value)]);
        assert_eq!(denial(&setting, &headers), ("token_missing", 401), "{value:?}");
    }
    assert_eq!(denial(&setting, &headers(&[("x-api-key", KEY)])), ("token_missing", 401));
}

#[test]
fn a_repeated_field_is_denied() {
    let setting = Setting::new();
    for name in ["x-api-key", "authorization"] {
        let mut headers = bearer(KEY, setting.secret());
        let again = headers[name].clone();
        headers.append(name, again);
        let denial = setting.verify(&headers).unwrap_err();
        let field =
            if name == "x-api-key" { CredentialField::ApiKey } else { CredentialField::Token };
        assert!(matches!(denial, Denial::HeaderRepeated(repeated) if repeated == field));
        assert_eq!((denial.code(), denial.status()), ("header_repeated", StatusCode::BAD_REQUEST));
    }
}

#[test]
fn malformed_unknown_revoked_and_expired_tokens_are_invalid() {
    let setting = Setting::new();
    let expiry = START.saturating_add(Duration::from_secs(60));
    let expiring = issue(&setting.registry, Some(expiry)).secret;
    let revoked = issue(&setting.registry, None);
    assert_eq!(setting.code(expiring.expose_secret()), "granted");
    assert_eq!(setting.code(revoked.secret.expose_secret()), "granted");
    block_on(setting.registry.revoke_token(&"acme".into(), &revoked.record.id)).unwrap();
    setting.clock.set(expiry);
    for token in [
        "gw_short",
        "other_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD",
        "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdE",
        &unknown_token(),
        expiring.expose_secret(),
        revoked.secret.expose_secret(),
    ] {
        let denial = setting.present(token).unwrap_err();
        assert!(matches!(denial, Denial::TokenInvalid));
        assert_eq!((denial.code(), denial.status().as_u16()), ("token_invalid", 401));
    }
}

#[test]
fn a_token_expires_at_its_expiry_and_not_before() {
    let setting = Setting::new();
    let expiry = START.saturating_add(Duration::from_secs(60));
    let token = issue(&setting.registry, Some(expiry)).secret;
    setting.clock.set(expiry.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(setting.code(token.expose_secret()), "granted");
    setting.clock.set(expiry);
    assert_eq!(setting.code(token.expose_secret()), "token_invalid");
}

#[test]
fn a_token_without_the_scope_is_denied_and_charged() {
    let setting = Setting::new();
    let required = setting.registry.catalogue().require_all(["b:read"]).unwrap();
    let headers = bearer(KEY, setting.secret());
    let denial = block_on(setting.verifier.verify(&headers, &required)).unwrap_err();
    assert_eq!((denial.code(), denial.status().as_u16()), ("scope_insufficient", 403));
    assert_eq!(denial.standing().unwrap().burst_remaining(), 9);
    let Denial::ScopeInsufficient { required, standing, .. } = denial else { unreachable!() };
    assert_eq!(required.to_string(), "b:read");
    assert_eq!(standing.burst_remaining(), 9, "the request is charged");

    let of_others = catalogue().require_all(["a:read"]).unwrap();
    let denial = block_on(setting.verifier.verify(&headers, &of_others)).unwrap_err();
    assert_eq!(denial.code(), "scope_insufficient", "another catalogue's requirement is never met");
}

#[test]
fn a_used_up_burst_is_rate_limited() {
    let setting = Setting::new();
    for _ in 0..10 {
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    let denial = setting.present(setting.secret()).unwrap_err();
    assert_eq!((denial.code(), denial.status().as_u16()), ("rate_limited", 429));
    assert_eq!(denial.retry_after(), Some(Duration::from_millis(200)));
    assert_eq!(denial.standing().unwrap().daily_remaining(), Some(9_990));
    setting.clock.advance(Duration::from_millis(200));
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn a_used_up_quota_is_quota_exceeded() {
    let policy = LimitPolicy::new(Rate::per_second(number(5)), number(10));
    let setting = Setting::with_policy(policy.with_daily(number(3)).unwrap());
    for _ in 0..3 {
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    let denial = setting.present(setting.secret()).unwrap_err();
    assert_eq!((denial.code(), denial.status().as_u16()), ("quota_exceeded", 429));
    assert_eq!(denial.retry_after(), Some(Duration::from_secs(43_200)), "from noon to midnight");
    setting.clock.advance(Duration::from_secs(43_200));
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn a_used_up_failure_allowance_is_attempts_exceeded() {
    let setting = Setting::new();
    for _ in 0..10 {
        assert_eq!(setting.code(&unknown_token()), "token_invalid");
    }
    let denial = setting.present(&unknown_token()).unwrap_err();
    assert_eq!((denial.code(), denial.status().as_u16()), ("attempts_exceeded", 429));
    assert_eq!(denial.retry_after(), Some(Duration::from_millis(200)));
    assert!(denial.standing().is_none(), "the limits are not reached");
    setting.clock.advance(Duration::from_millis(200));
    assert_eq!(setting.code(&unknown_token()), "token_invalid");
    assert_eq!(setting.code(&unknown_token()), "attempts_exceeded");
}

#[test]
fn an_unavailable_store_charges_nothing() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Error);
    for _ in 0..20 {
        let denial = setting.present(setting.secret()).unwrap_err();
        assert_eq!((denial.code(), denial.status().as_u16()), ("unavailable", 503));
        assert!(denial.retry_after().is_some());
    }
    setting.store.set_fault(Fault::None);
    assert_eq!(setting.code(setting.secret()), "granted", "nothing was charged or cached");
}

#[test]
fn each_denial_has_a_sentence_of_its_own() {
    let retry_after = Duration::from_secs(1);
    let denials = [
        Denial::ApiKeyMissing,
        Denial::ApiKeyInvalid { misplaced_token: false },
        Denial::ApiKeyInvalid { misplaced_token: true },
        Denial::TokenMissing,
        Denial::HeaderRepeated(CredentialField::Token),
        Denial::TokenInvalid,
        Denial::AttemptsExceeded { retry_after },
        Denial::MethodNotAllowed { allowed: Vec::new() },
        Denial::Unavailable { retry_after },
    ];
    let texts: HashSet<_> = denials.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), denials.len());
    assert!(texts.iter().all(|text| text.ends_with('.')), "{texts:?}");
}

#[test]
fn a_standing_is_read_from_memory_and_charges_nothing() {
    let setting = Setting::new();
    let key = &setting.partner.api_key;
    assert!(setting.verifier.standing(key).is_none(), "the partner is not looked up yet");
    assert_eq!(setting.code(setting.secret()), "granted");
    for _ in 0..3 {
        assert_eq!(setting.verifier.standing(key).unwrap().burst_remaining(), 9);
    }
    setting.clock.advance(Duration::from_millis(200));
    assert_eq!(setting.verifier.standing(key).unwrap().burst_remaining(), 10);
    assert_eq!(setting.lookups(), (1, 1));
}

#[test]
fn the_partner_key_is_checked_before_the_token() {
    let setting = Setting::new();
    for token in ["", "Bearer gw_short", "Bearer a, b"] {
        let headers = headers(&[("x-api-key", "unknown-key"), ("authorization", token)]);
        assert_eq!(denial(&setting, &headers).0, "api_key_invalid");
        let mut repeated = headers.clone();
        repeated.append("authorization", "Bearer x".parse().unwrap());
        assert_eq!(denial(&setting, &repeated).0, "api_key_invalid");
    }
}

#[test]
fn the_token_is_checked_before_limits_and_these_before_scopes() {
    let setting = Setting::new();
    let b_read = setting.registry.catalogue().require_all(["b:read"]).unwrap();
    let headers = bearer(KEY, setting.secret());
    for _ in 0..10 {
        let denial = block_on(setting.verifier.verify(&headers, &b_read)).unwrap_err();
        assert_eq!(denial.code(), "scope_insufficient");
    }
    let denial = block_on(setting.verifier.verify(&headers, &b_read)).unwrap_err();
    assert_eq!(denial.code(), "rate_limited");
    assert_eq!(setting.code(&unknown_token()), "token_invalid");
    assert_eq!(setting.code("gw_short"), "token_invalid");
}

#[test]
fn failures_under_a_known_key_spend_nothing_of_its_limits() {
    let setting = Setting::new();
    for _ in 0..1_000 {
        assert_ne!(setting.code(&unknown_token()), "granted");
        assert_ne!(setting.code("gw_short"), "granted");
        assert!(setting.verify(&headers(&[("x-api-key", KEY)])).is_err());
    }
    // A token that is not cached waits for the failure allowance.
    assert_eq!(setting.code(setting.secret()), "attempts_exceeded");
    setting.clock.advance(Duration::from_millis(200));
    let grant = setting.present(setting.secret()).unwrap();
    assert_eq!(grant.standing.daily_remaining(), Some(9_999));
    assert_eq!(grant.standing.burst_remaining(), 9);
    assert_eq!(setting.code(&unknown_token()), "token_invalid", "that lookup was no failure");
    for _ in 0..5 {
        assert_eq!(setting.code(&unknown_token()), "attempts_exceeded");
        assert_eq!(setting.code(setting.secret()), "granted");
    }
}

#[test]
fn malformed_tokens_are_invalid_after_the_allowance_is_used_up() {
    let setting = Setting::new();
    for _ in 0..30 {
        assert_eq!(setting.code("gw_short"), "token_invalid");
    }
    assert_eq!(
        setting.verify(&headers(&[("x-api-key", KEY)])).unwrap_err().code(),
        "token_missing"
    );
    assert_eq!(
        setting.code(&unknown_token()),
        "attempts_exceeded",
        "malformed tokens use the allowance up"
    );
}

#[test]
fn refusals_by_limits_cost_nothing() {
    let setting = Setting::new();
    for _ in 0..50 {
        let _granted_or_not = setting.present(setting.secret());
    }
    setting.clock.advance(Duration::from_secs(2));
    let grant = setting.present(setting.secret()).unwrap();
    assert_eq!(grant.standing.daily_remaining(), Some(10_000 - 11));
}

#[test]
fn tokens_share_the_limits_of_the_partner_that_calls() {
    let setting = Setting::new();
    let second = issue(&setting.registry, None).secret;
    for _ in 0..5 {
        assert_eq!(setting.code(setting.secret()), "granted");
        assert_eq!(setting.code(second.expose_secret()), "granted");
    }
    assert_eq!(setting.code(setting.secret()), "rate_limited");
    let other = NewPartner::new("Other").with_api_key("other-partner-key".parse().unwrap());
    block_on(setting.registry.register_partner(other)).unwrap();
    assert!(setting.verify(&bearer("other-partner-key", setting.secret())).is_ok());
}

#[test]
fn limits_change_live_and_keep_what_was_spent() {
    let setting = Setting::new();
    for _ in 0..10 {
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    let policy = LimitPolicy::new(Rate::per_second(number(100)), number(100));
    replace_limits(&setting, policy.with_daily(number(500)).unwrap());
    assert_eq!(setting.code(setting.secret()), "rate_limited", "the bucket stays empty");
    setting.clock.advance(Duration::from_secs(2));
    let grant = setting.present(setting.secret()).unwrap();
    assert_eq!(grant.standing.burst_remaining(), 99);
    assert_eq!(grant.standing.daily_remaining(), Some(489));
}

/// The limits with an empty bucket, and the failure allowance with an empty one: raised, they fill at the new
/// rate at once, and lowered, they do not keep the old one.
#[test]
fn replaced_limits_fill_at_their_own_rate_from_then_on() {
    let hourly = LimitPolicy::new(Rate::per_hour(number(1)), number(2));
    let fast = LimitPolicy::new(Rate::per_second(number(5)), number(2));
    for (from, to, wait) in
        [(hourly, fast, Duration::from_millis(200)), (fast, hourly, Duration::from_secs(3_600))]
    {
        let setting = Setting::with_policy(from);
        let assert_denied = || {
            let denial = setting.present(setting.secret()).unwrap_err();
            assert_eq!((denial.code(), denial.retry_after()), ("rate_limited", Some(wait)));
            let denial = setting.present(&unknown_token()).unwrap_err();
            assert_eq!((denial.code(), denial.retry_after()), ("attempts_exceeded", Some(wait)));
        };
        for _ in 0..2 {
            assert_eq!(setting.code(setting.secret()), "granted");
            assert_eq!(setting.code(&unknown_token()), "token_invalid");
        }
        assert_eq!(setting.code(setting.secret()), "rate_limited");
        assert_eq!(setting.code(&unknown_token()), "attempts_exceeded");

        replace_limits(&setting, to);
        assert_denied();
        setting.clock.advance(wait);
        assert_eq!(setting.code(setting.secret()), "granted");
        assert_eq!(setting.code(&unknown_token()), "token_invalid");
        assert_denied();
    }
}

#[test]
fn limits_raised_before_the_first_charge_are_full() {
    let burst = |burst| LimitPolicy::new(Rate::per_hour(number(1)), number(burst));
    for is_warmed_up in [false, true] {
        let setting = Setting::with_policy(burst(2));
        if is_warmed_up {
            block_on(setting.verifier.warm_up()).unwrap();
        } else {
            assert_eq!(setting.code("gw_short"), "token_invalid", "the partner is looked up");
        }
        replace_limits(&setting, burst(20));
        let grant = setting.present(setting.secret()).unwrap();
        assert_eq!(grant.standing.burst_remaining(), 19);
    }
}

#[test]
fn usage_is_exact_where_the_day_begins_elsewhere_now() {
    let setting = Setting::new();
    let usage = |policy: LimitPolicy| {
        block_on(setting.verifier.write_behind()).unwrap();
        block_on(setting.store.usage(setting.partner.id, policy.day(setting.clock.now()))).unwrap()
    };
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(usage(setting.partner.policy), 1);
    let east = setting.partner.policy.with_utc_offset_secs(86_399).unwrap();
    replace_limits(&setting, east);
    assert_eq!(setting.present(setting.secret()).unwrap().standing.daily_remaining(), Some(9_998));
    assert_eq!(usage(east), 1, "the first is counted on the day on which it was written");
}

#[test]
fn a_request_costs_at_most_what_the_limits_hold() {
    let setting = Setting::new();
    let headers = bearer(KEY, setting.secret());
    let verify = |cost| {
        let verifying =
            setting.verifier.verify_with_cost(&headers, &Requirement::NONE, number(cost));
        block_on(verifying).map(|grant| grant.standing.burst_remaining())
    };
    assert_eq!(verify(4).unwrap(), 6);
    assert_eq!(verify(7).unwrap_err().retry_after(), Some(Duration::from_millis(200)));
    assert_eq!(verify(11).unwrap_err().retry_after(), Some(Duration::from_millis(800)));
    setting.clock.advance(Duration::from_millis(800));
    assert_eq!(verify(u32::MAX).unwrap(), 0);
}

#[test]
fn tokens_under_a_previous_pepper_pass_until_it_is_dropped() {
    let pepper = |byte| Pepper::new([byte; 32]).unwrap();
    let store = Arc::new(MemoryStore::new());
    let with = |digester| {
        let clock = Arc::new(dualkey_limit::SystemClock);
        let shared: Arc<dyn dualkey_store::Store> = Arc::<MemoryStore>::clone(&store);
        Registry::new(catalogue(), Prefix::new("gw"), shared, clock).with_digester(digester)
    };
    let old = with(Digester::peppered(pepper(1)));
    let new = NewPartner::new("One").with_api_key(KEY.parse().unwrap());
    block_on(old.register_partner(new)).unwrap();
    let token = issue(&old, None).secret;
    let headers = bearer(KEY, token.expose_secret());
    let verify = |digester| {
        let verifier = Verifier::new(with(digester));
        block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok()
    };
    assert!(verify(Digester::peppered(pepper(2)).accept_previous(pepper(1))));
    assert!(!verify(Digester::peppered(pepper(2))));
    assert!(!verify(Digester::unpeppered()));
}

#[test]
fn eight_threads_are_granted_exactly_the_burst() {
    for _ in 0..200 {
        let setting = Setting::new();
        let headers = bearer(KEY, setting.secret());
        let granted: usize = std::thread::scope(|scope| {
            let thread = || (0..5).filter(|_| setting.verify(&headers).is_ok()).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 10);
    }
}

proptest! {
    /// For random requests in a random order, the quota loses one permit for each request that reached it.
    #[test]
    fn only_granted_and_403_are_charged(kinds in proptest::collection::vec(0..5_u8, 1..60)) {
        let setting = Setting::new();
        let b_read = setting.registry.catalogue().require_all(["b:read"]).unwrap();
        let mut charged = 0;
        for kind in kinds {
            setting.clock.advance(Duration::from_millis(70));
            let (token, requirement) = match kind {
                0 => (unknown_token(), &Requirement::NONE),
                1 => ("gw_short".to_owned(), &Requirement::NONE),
                2 => (setting.secret().to_owned(), &b_read),
                _ => (setting.secret().to_owned(), &Requirement::NONE),
            };
            let decision = block_on(setting.verifier.verify(&bearer(KEY, &token), requirement));
            charged += u32::from(matches!(decision, Ok(_) | Err(Denial::ScopeInsufficient { .. })));
            let standing = match &decision {
                Ok(grant) => Some(grant.standing),
                Err(denial) => denial.standing().copied(),
            };
            if let Some(standing) = standing {
                prop_assert_eq!(standing.daily_remaining(), Some(10_000 - charged));
            }
        }
    }
}
