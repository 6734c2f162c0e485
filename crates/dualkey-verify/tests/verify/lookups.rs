//! Lookups in the store, freshness of the cache, and write-behind.

use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::{KEY, START, Setting, bearer, headers, issue, unknown_token};
use dualkey_limit::{Clock as _, LimitPolicy, Rate, Timestamp};
use dualkey_scope::Requirement;
use dualkey_store::{Change, NewPartner, NewToken, Registry, Store, UsageStore as _};
use dualkey_testing::Fault;
use dualkey_token::Prefix;
use dualkey_verify::Verifier;
use pollster::block_on;

const MAX_STALENESS: Duration = Duration::from_secs(5);

/// The store has answered, and the answer is not polled yet.
fn poll_until_the_token_is_looked_up(setting: &Setting, mut verifying: Pin<&mut impl Future>) {
    while setting.lookups().1 == 0 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(verifying.as_mut().poll(&mut cx).is_pending());
    }
}

/// The codes of concurrent requests.
fn concurrently(setting: &Setting, requests: &[http::HeaderMap]) -> Vec<&'static str> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut codes = Vec::new();
    let mut verifying: Vec<_> = requests
        .iter()
        .map(|headers| Box::pin(setting.verifier.verify(headers, &Requirement::NONE)))
        .collect();
    while !verifying.is_empty() {
        verifying.retain_mut(|future| match future.as_mut().poll(&mut cx) {
            Poll::Pending => true,
            Poll::Ready(decision) => {
                codes.push(decision.map_or_else(|denial| denial.code(), |_| "granted"));
                false
            }
        });
    }
    codes
}

#[test]
fn no_token_is_looked_up_under_an_invalid_partner_key() {
    let setting = Setting::new();
    for key in ["unknown-key", "seven77", "", "a, b, c, d"] {
        assert!(setting.verify(&bearer(key, setting.secret())).is_err());
    }
    assert_eq!(setting.lookups(), (1, 0), "only the well-formed key is looked up");
    for _ in 0..100 {
        assert!(setting.verify(&bearer("unknown-key", setting.secret())).is_err());
    }
    assert_eq!(setting.lookups(), (1, 0), "once within max_staleness");
}

#[test]
fn no_malformed_token_is_looked_up() {
    let setting = Setting::new();
    let mut mistyped = setting.secret().to_owned();
    let last = if mistyped.ends_with('A') { "B" } else { "A" };
    mistyped.replace_range(mistyped.len() - 1.., last);
    for token in ["gw_short", "a,b", &mistyped] {
        assert_eq!(setting.code(token), "token_invalid");
    }
    assert!(setting.verify(&headers(&[("x-api-key", KEY)])).is_err());
    assert_eq!(setting.lookups(), (1, 0));
}

#[test]
fn unknown_tokens_query_the_store_within_the_allowance() {
    let setting = Setting::new();
    for _ in 0..1_000 {
        assert!(setting.present(&unknown_token()).is_err());
    }
    assert_eq!(setting.lookups(), (1, 10), "within the failure allowance");
    let same = unknown_token();
    setting.clock.advance(Duration::from_secs(2));
    for _ in 0..10 {
        assert_eq!(setting.code(&same), "token_invalid");
    }
    assert_eq!(setting.lookups().1, 11, "the second lookup is a negative hit");
}

#[test]
fn concurrent_unknown_tokens_stay_within_the_allowance() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let requests: Vec<_> = (0..100).map(|_| bearer(KEY, &unknown_token())).collect();
    let codes = concurrently(&setting, &requests);
    assert_eq!(setting.lookups().1, 10);
    assert_eq!(codes.iter().filter(|code| **code == "token_invalid").count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == "attempts_exceeded").count(), 90);
}

#[test]
fn concurrent_requests_for_one_token_share_a_lookup() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let codes = concurrently(&setting, &vec![headers; 11]);
    assert_eq!(setting.lookups(), (1, 1));
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == "rate_limited").count(), 1);
}

#[test]
fn a_request_that_joins_a_lookup_needs_no_allowance() {
    let one = LimitPolicy::new(Rate::per_second(NonZeroU32::MIN), NonZeroU32::MIN);
    let setting = Setting::with_policy(one);
    let builder = Verifier::builder(setting.registry.clone());
    let verifier = builder.unknown_keys(one).build();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer("unknown-key", setting.secret());
    let mut first = pin!(verifier.verify(&headers, &Requirement::NONE));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let joined = block_on(verifier.verify(&headers, &Requirement::NONE));
    assert_eq!(joined.unwrap_err().code(), "api_key_invalid");
    assert_eq!(block_on(first).unwrap_err().code(), "api_key_invalid");

    let headers = bearer(KEY, setting.secret());
    let mut first = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, first.as_mut());
    assert_eq!(setting.code(setting.secret()), "granted", "it is the first to be charged");
    assert_eq!(block_on(first).unwrap_err().code(), "rate_limited");
    assert_eq!(setting.lookups(), (2, 1));
}

#[test]
fn a_shared_lookup_survives_the_request_that_began_it() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut asking = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, asking.as_mut());
    // From here on the request that began the lookup is not polled.
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (1, 1));
}

#[test]
fn a_dropped_lookup_releases_its_reservation() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    for _ in 0..100 {
        let headers = bearer(KEY, &unknown_token());
        let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
        let mut cx = Context::from_waker(Waker::noop());
        while setting.lookups().0 == 0 {
            assert!(verifying.as_mut().poll(&mut cx).is_pending());
        }
        let _given_up = verifying.as_mut().poll(&mut cx);
    }
    setting.store.set_fault(Fault::None);
    setting.clock.advance(Duration::from_secs(2));
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn the_hot_path_queries_no_store() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    for _ in 0..8 {
        let headers = bearer(KEY, setting.secret());
        let cost = std::num::NonZeroU32::MIN;
        let decided = setting.verifier.try_verify_cached(&headers, &Requirement::NONE, cost);
        assert!(matches!(decided, Some(Ok(_))));
    }
    assert_eq!(setting.lookups(), (1, 1));
}

#[test]
fn a_cached_token_expires_to_the_nanosecond() {
    let setting = Setting::new();
    let expiry = START.saturating_add(Duration::from_millis(1_030));
    let token = issue(&setting.registry, Some(expiry)).secret;
    for (before, asked) in [(1_030_000_000, 1), (100_000_000, 1), (1, 2)] {
        setting.clock.set(expiry.saturating_sub(Duration::from_nanos(before)));
        assert_eq!(setting.code(token.expose_secret()), "granted");
        assert_eq!(setting.lookups(), (1, asked), "{before} ns before");
    }
    setting.clock.set(expiry);
    assert_eq!(setting.code(token.expose_secret()), "token_invalid");
}

/// The units of the cache hold eight years.
#[test]
fn a_cached_token_expires_in_a_process_of_nine_years_too() {
    let setting = Setting::new();
    setting.store.changes().advance_watermark(Timestamp::MAX);
    let expiry = START.saturating_add(Duration::from_secs(9 * 365 * 86_400));
    let token = issue(&setting.registry, Some(expiry)).secret;
    setting.clock.set(expiry.saturating_sub(Duration::from_nanos(1)));
    for _ in 0..2 {
        assert_eq!(setting.code(token.expose_secret()), "granted");
    }
    setting.clock.set(expiry);
    assert_eq!(setting.code(token.expose_secret()), "token_invalid");
}

#[test]
fn an_entry_is_served_for_max_staleness_and_no_longer() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.clock.set(START.saturating_add(MAX_STALENESS));
    assert_eq!(
        setting.code(setting.secret()),
        "granted",
        "no change was published to this process"
    );
    setting.clock.advance(Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn the_staleness_is_configurable() {
    let setting = Setting::new();
    let verifier =
        Verifier::builder(setting.registry.clone()).max_staleness(Duration::ZERO).build();
    let headers = bearer(KEY, setting.secret());
    for _ in 0..3 {
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        assert_eq!(setting.lookups().1, 1, "within the same instant nothing is stale");
    }
    setting.clock.advance(Duration::from_nanos(1));
    assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
    assert_eq!(setting.lookups().1, 2);
}

#[test]
fn a_published_change_takes_effect_at_once() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    let organization = "acme".into();
    block_on(setting.registry.revoke_token(&organization, &setting.token.record.id)).unwrap();
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert_eq!(setting.code(setting.secret()), "token_invalid");

    block_on(setting.registry.set_enabled(&setting.partner.api_key, false)).unwrap();
    setting.store.changes().publish(&Change::All);
    assert_eq!(setting.code(setting.secret()), "api_key_invalid");
}

#[test]
fn a_registered_key_works_at_once_after_a_negative_hit() {
    let setting = Setting::new();
    let unknown = bearer("registered-later", setting.secret());
    assert_eq!(setting.verify(&unknown).unwrap_err().code(), "api_key_invalid");
    let new = NewPartner::new("Later").with_api_key("registered-later".parse().unwrap());
    block_on(setting.registry.register_partner(new)).unwrap();
    setting.store.changes().publish(&Change::Partner("registered-later".parse().unwrap()));
    assert!(setting.verify(&unknown).is_ok());
}

#[test]
fn at_the_bound_idle_tokens_are_evicted() {
    let setting = Setting::new();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(2).build();
    let tokens: Vec<_> = (0..3).map(|_| issue(&setting.registry, None).secret).collect();
    let verify = |at: usize| {
        let headers = bearer(KEY, tokens[at].expose_secret());
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        setting.lookups().1
    };
    setting.store.changes().advance_watermark(Timestamp::from_nanos(u64::MAX));
    setting.clock.advance(Duration::from_secs(120));
    assert_eq!([verify(0), verify(1), verify(2)], [1, 2, 3]);
    assert_eq!([verify(0), verify(1), verify(2)], [3, 3, 4], "there is no room for the third");
    setting.clock.advance(Duration::from_secs(61));
    assert_eq!([verify(0), verify(2), verify(2)], [4, 5, 5], "the second was idle");
    assert_eq!(verify(1), 6);
}

/// Ten tokens fit, each of another organization, every second with a name too long for a record.
#[test]
fn organizations_make_room_for_one_another() {
    let setting = Setting::new();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(10).build();
    setting.store.changes().advance_watermark(Timestamp::from_nanos(u64::MAX));
    for number in 0..200 {
        setting.clock.advance(Duration::from_secs(61));
        let suffix = if number % 2 == 0 { "" } else { "-with-a-name-of-more-than-39-bytes" };
        let organization = format!("organization-{number}{suffix}");
        let token = NewToken::new(organization.clone(), "token", ["a:read"]);
        let issued = block_on(setting.registry.issue_token(token)).unwrap();
        let headers = bearer(KEY, issued.secret.expose_secret());
        let before = setting.lookups().1;
        for _ in 0..2 {
            let grant = block_on(verifier.verify(&headers, &Requirement::NONE)).unwrap();
            assert_eq!(grant.organization.as_str(), organization);
        }
        assert_eq!(setting.lookups().1, before + 1, "token {number} is cached");
    }
}

#[test]
fn a_current_feed_confirms_entries_without_the_store() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    for _ in 0..10 {
        setting.clock.advance(MAX_STALENESS);
        setting.store.changes().advance_watermark(setting.clock.now());
        setting.clock.advance(MAX_STALENESS);
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    assert_eq!(setting.lookups(), (1, 1));
    setting.clock.advance(Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (2, 2), "a feed that is behind confirms nothing");
}

#[test]
fn an_answer_from_before_a_change_is_not_cached() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, verifying.as_mut());
    // The store has read the token, and its answer is not delivered yet; now the token is revoked.
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert!(block_on(verifying).is_ok(), "the request began before the revocation");
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn an_answer_is_cached_while_other_entries_change() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if verifying.as_mut().poll(&mut cx).is_ready() {
            break;
        }
        let other = issue(&setting.registry, None).secret;
        setting.store.changes().publish(&Change::Token(other.digest()));
        setting.store.changes().publish(&Change::Partner("another-partner".parse().unwrap()));
    }
    setting.store.set_fault(Fault::None);
    for _ in 0..5 {
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    assert_eq!(setting.lookups(), (1, 1));
}

#[test]
fn a_second_lookup_of_a_key_makes_the_first_outdated() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut first = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, first.as_mut());
    // The answer is not polled until it is too old to be joined, and the token is revoked elsewhere.
    setting.clock.advance(MAX_STALENESS + Duration::from_nanos(1));
    setting.store.set_fault(Fault::None);
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    assert_eq!(setting.code(setting.secret()), "token_invalid");
    setting.store.changes().advance_watermark(setting.clock.now());
    assert!(block_on(first).is_ok(), "it began before the revocation");
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn what_a_wrong_clock_confirmed_is_not_fresh() {
    let setting = Setting::new();
    let late = "registered-later";
    setting.clock.advance(Duration::from_secs(3_600));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert!(setting.verify(&bearer(late, setting.secret())).is_err());
    setting.clock.set(START);
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (3, 2), "looked up again, and cached");
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (3, 2));

    let new = NewPartner::new("Later").with_api_key(late.parse().unwrap());
    block_on(setting.registry.register_partner(new)).unwrap();
    assert!(setting.verify(&bearer(late, setting.secret())).is_ok());
}

#[test]
fn a_watermark_in_the_future_confirms_nothing() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    let ahead = |time| setting.clock.now().saturating_add(time);
    setting.store.changes().advance_watermark(ahead(Duration::from_millis(100) + MAX_STALENESS));
    setting.clock.advance(MAX_STALENESS);
    setting.clock.advance(Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (1, 1), "the clocks of threads may differ by 100 ms");

    setting.store.changes().advance_watermark(ahead(Duration::from_secs(3_600)));
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.clock.advance(MAX_STALENESS);
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn a_use_is_recorded_where_the_answer_is_not_cached() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, verifying.as_mut());
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert!(block_on(verifying).is_ok());
    setting.store.set_fault(Fault::None);
    block_on(setting.verifier.flush()).unwrap();
    let record = block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    assert_eq!(record.last_used_at, Some(START));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups().1, 2, "the first answer was not cached");
}

#[test]
fn a_use_beside_a_change_keeps_its_token_from_eviction() {
    let setting = Setting::new();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(1).build();
    setting.clock.advance(Duration::from_secs(120));
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(verifier.verify(&headers, &Requirement::NONE));
    poll_until_the_token_is_looked_up(&setting, verifying.as_mut());
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert!(block_on(verifying).is_ok());
    setting.store.set_fault(Fault::None);
    let other = bearer(KEY, issue(&setting.registry, None).secret.expose_secret());
    for lookups in [2, 3] {
        assert!(block_on(verifier.verify(&other, &Requirement::NONE)).is_ok());
        assert_eq!(setting.lookups().1, lookups, "there is no room for the other token");
    }
}

#[test]
fn without_the_store_cached_tokens_pass_until_they_are_stale() {
    let setting = Setting::new();
    let unknown = issue(&setting.registry, None).secret;
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.store.set_fault(Fault::Error);
    assert_eq!(setting.code(unknown.expose_secret()), "unavailable");
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.clock.advance(MAX_STALENESS + Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "unavailable");
    setting.store.set_fault(Fault::None);
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.code(unknown.expose_secret()), "granted");
}

#[test]
fn a_stale_token_is_confirmed_without_the_allowance() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.clock.advance(MAX_STALENESS + Duration::from_nanos(1));
    for _ in 0..20 {
        assert!(setting.present(&unknown_token()).is_err());
    }
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn last_uses_are_written_behind_once_a_minute() {
    let setting = Setting::new();
    let record = || block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    let write = || block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(record().last_used_at, None, "a request waits for no write");
    write();
    assert_eq!((record().first_used_at, record().last_used_at), (Some(START), Some(START)));
    for second in 1..60 {
        setting.clock.advance(Duration::from_secs(1));
        assert_eq!(setting.code(setting.secret()), "granted");
        write();
        assert_eq!(record().last_used_at, Some(START), "second {second}");
    }
    setting.clock.advance(Duration::from_secs(1));
    write();
    let last = START.saturating_add(Duration::from_secs(59));
    assert_eq!(record().last_used_at, Some(last), "the time of use, not of the write");
    setting.clock.advance(Duration::from_secs(1));
    assert_eq!(setting.code(setting.secret()), "granted");
    block_on(setting.verifier.flush()).unwrap();
    assert_eq!(record().last_used_at, Some(setting.clock.now()), "a flush writes at once");
    assert_eq!(record().first_used_at, Some(START));
}

#[test]
fn a_last_use_that_is_written_is_not_written_again() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    block_on(setting.verifier.write_behind()).unwrap();
    let rows = setting.store.rows_written();
    for _ in 0..3 {
        setting.clock.advance(Duration::from_secs(61));
        block_on(setting.verifier.write_behind()).unwrap();
    }
    assert_eq!(setting.store.rows_written(), rows);
}

#[test]
fn an_eviction_writes_no_use_of_a_held_token_early() {
    let setting = Setting::new();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(1).build();
    let present = |token: &str| {
        let headers = bearer(KEY, token);
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        block_on(verifier.write_behind()).unwrap();
    };
    present(setting.secret());
    setting.clock.advance(Duration::from_secs(10));
    present(setting.secret());
    present(issue(&setting.registry, None).secret.expose_secret()); // there is no room for it
    let record = block_on(setting.registry.token(&setting.token.secret)).unwrap();
    assert_eq!(record.last_used_at, Some(START));
}

/// Nothing is written before the flush, or the first use is.
#[test]
fn uses_of_evicted_tokens_are_written() {
    for is_first_written in [false, true] {
        let setting = Setting::new();
        let verifier = Verifier::builder(setting.registry.clone()).max_tokens(1).build();
        let present = |token: &str| {
            let headers = bearer(KEY, token);
            assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        };
        let mut last = START;
        for _ in 0..2 {
            present(setting.secret());
            if is_first_written {
                block_on(verifier.write_behind()).unwrap();
            }
            last = setting.clock.now();
            setting.clock.advance(Duration::from_secs(10));
        }
        setting.clock.advance(Duration::from_secs(60));
        let (other, unheld) = (issue(&setting.registry, None), issue(&setting.registry, None));
        present(other.secret.expose_secret());
        present(unheld.secret.expose_secret());
        block_on(verifier.flush()).unwrap();
        let now = Some(setting.clock.now());
        for (token, first, last) in
            [(&setting.token, Some(START), Some(last)), (&other, now, now), (&unheld, now, now)]
        {
            let tokens = block_on(setting.registry.tokens(&"acme".into())).unwrap();
            let token = tokens.iter().find(|other| other.id == token.record.id).unwrap();
            assert_eq!((token.first_used_at, token.last_used_at), (first, last));
        }
    }
}

#[test]
fn a_403_is_a_use_and_a_429_is_none() {
    let setting = Setting::new();
    let b_read = setting.registry.catalogue().require_all(["b:read"]).unwrap();
    let headers = bearer(KEY, setting.secret());
    for _ in 0..10 {
        assert!(block_on(setting.verifier.verify(&headers, &b_read)).is_err());
    }
    setting.clock.advance(Duration::from_millis(100));
    assert_eq!(setting.code(setting.secret()), "rate_limited");
    block_on(setting.verifier.flush()).unwrap();
    let record = block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    assert_eq!(record.last_used_at, Some(START));
}

#[test]
fn usage_survives_a_restart_and_processes_add_up() {
    let setting = Setting::new();
    let other = Verifier::new(setting.registry.clone());
    let headers = bearer(KEY, setting.secret());
    for _ in 0..3 {
        assert_eq!(setting.code(setting.secret()), "granted");
        assert!(block_on(other.verify(&headers, &Requirement::NONE)).is_ok());
    }
    let day = setting.partner.policy.day(START);
    let used = || block_on(setting.store.usage(setting.partner.id, day)).unwrap();
    block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(used(), 3);
    block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(used(), 3, "nothing is written twice");
    block_on(other.write_behind()).unwrap();
    assert_eq!(used(), 6);

    let restarted = Verifier::new(setting.registry.clone());
    let grant = block_on(restarted.verify(&headers, &Requirement::NONE)).unwrap();
    assert_eq!(grant.standing.daily_remaining(), Some(10_000 - 7));
    block_on(restarted.write_behind()).unwrap();
    assert_eq!(used(), 7, "usage from the store is not added again");
}

#[test]
fn usage_is_written_for_each_day() {
    let setting = Setting::new();
    for permits in [3, 2, 4] {
        for _ in 0..permits {
            assert_eq!(setting.code(setting.secret()), "granted");
        }
        block_on(setting.verifier.write_behind()).unwrap();
        let day = setting.partner.policy.day(setting.clock.now());
        assert_eq!(block_on(setting.store.usage(setting.partner.id, day)).unwrap(), permits);
        setting.clock.advance(Duration::from_secs(86_400));
    }
}

#[test]
fn a_failed_write_is_repeated_and_no_request_waits() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.store.set_fault(Fault::Error);
    for _ in 0..3 {
        assert!(block_on(setting.verifier.write_behind()).is_err());
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    setting.store.set_fault(Fault::None);
    block_on(setting.verifier.write_behind()).unwrap();
    let day = setting.partner.policy.day(START);
    assert_eq!(block_on(setting.store.usage(setting.partner.id, day)).unwrap(), 4);
    let record = block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    assert_eq!(record.last_used_at, Some(START));
    let writes = setting.store.writes();
    block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(setting.store.writes(), writes, "no statement without a change");
}

#[test]
fn a_dropped_write_is_repeated() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.store.set_fault(Fault::Delay);
    for _ in 0..3 {
        let mut writing = pin!(setting.verifier.flush());
        assert!(writing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    setting.store.set_fault(Fault::None);
    block_on(setting.verifier.flush()).unwrap();
    let record = block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    assert_eq!(record.last_used_at, Some(START));
    let day = setting.partner.policy.day(START);
    assert!(block_on(setting.store.usage(setting.partner.id, day)).unwrap() >= 1);
}

#[test]
fn run_write_behind_ends_with_a_flush() {
    let setting = Setting::new();
    let mut ticks = 0;
    let is_over = std::cell::Cell::new(false);
    let until = std::future::poll_fn(|_| match is_over.get() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    let tick = async || {
        ticks += 1;
        assert_eq!(setting.code(setting.secret()), "granted");
        is_over.set(ticks == 3);
    };
    block_on(setting.verifier.run_write_behind(tick, until)).unwrap();
    let day = setting.partner.policy.day(START);
    assert_eq!(block_on(setting.store.usage(setting.partner.id, day)).unwrap(), 3);
    assert!(!setting.verifier.is_ready(), "what was not warmed up is not read");
}

#[test]
fn a_thousand_busy_tokens_are_a_row_a_minute_each() {
    const TOKENS: usize = 1_000;
    let million = std::num::NonZeroU32::new(1_000_000).unwrap();
    let policy = LimitPolicy::new(Rate::per_second(million), million);
    let setting = Setting::with_policy(policy);
    let registry = setting.registry.clone().with_max_tokens_per_organization(TOKENS + 1);
    let requests: Vec<_> =
        (0..TOKENS).map(|_| bearer(KEY, issue(&registry, None).secret.expose_secret())).collect();
    for _second in 0..120 {
        setting.clock.advance(Duration::from_secs(1));
        setting.store.changes().advance_watermark(setting.clock.now());
        for headers in &requests {
            assert!(setting.verify(headers).is_ok());
        }
        block_on(setting.verifier.write_behind()).unwrap();
    }
    let of_partner = 120;
    assert_eq!(setting.store.rows_written(), 2 * TOKENS + of_partner);
    assert_eq!(setting.store.writes(), 2 + of_partner);
    assert_eq!(setting.lookups(), (1, TOKENS), "one lookup per token");
}

#[test]
fn scopes_that_left_the_catalogue_grant_nothing() {
    let setting = Setting::new();
    let smaller = dualkey_scope::Catalogue::builder().scope("b:read", "B").build().unwrap();
    let b_read = smaller.require_all(["b:read"]).unwrap();
    let store: Arc<dyn Store> = Arc::<dualkey_testing::FaultyStore>::clone(&setting.store);
    let clock = Arc::new(setting.clock.clone());
    let verifier = Verifier::new(Registry::new(smaller, Prefix::new("gw"), store, clock));
    let headers = bearer(KEY, setting.secret());
    let grant = block_on(verifier.verify(&headers, &Requirement::NONE)).unwrap();
    assert!(grant.scopes.is_empty());
    let denial = block_on(verifier.verify(&headers, &b_read)).unwrap_err();
    assert_eq!(denial.code(), "scope_insufficient");
}
