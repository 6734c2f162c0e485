//! A cache that holds everything: strangers do not reach the store, and no valid credential is kept out.

use std::task::{Context, Waker};
use std::time::Duration;

use crate::support::log::log_of;
use crate::support::{KEY, START, Setting, bearer, issue, unknown_token};
use dualkey_limit::{Clock as _, LimitPolicy};
use dualkey_scope::Requirement;
use dualkey_store::{Change, NewPartner, Store, UsageStore as _};
use dualkey_testing::Fault;
use dualkey_token::PlainToken;
use dualkey_verify::{Denial, Verifier};
use pollster::block_on;

fn warmed_up() -> Setting {
    let setting = Setting::new();
    block_on(setting.verifier.warm_up()).unwrap();
    setting
}

/// Unknown partner keys and junk tokens, as many as no allowance covers.
fn flood(setting: &Setting) {
    for number in 0..500 {
        let unknown = bearer(&format!("made-up-key-{number}"), setting.secret());
        assert_eq!(setting.verify(&unknown).unwrap_err().code(), "api_key_invalid");
        assert!(setting.present(&unknown_token()).is_err());
    }
}

fn run_for_ten_ticks(setting: &Setting) {
    let ticks = std::cell::Cell::new(0);
    let tick = async || ticks.set(ticks.get() + 1);
    let until = std::future::poll_fn(|_| match ticks.get() {
        0..10 => std::task::Poll::Pending,
        _ => std::task::Poll::Ready(()),
    });
    block_on(setting.verifier.run_write_behind(tick, until)).unwrap();
}

#[test]
fn a_warm_cache_looks_nothing_up() {
    let setting = Setting::new();
    let tokens: Vec<_> = (0..50).map(|_| issue(&setting.registry, None).secret).collect();
    assert!(!setting.verifier.is_ready());
    block_on(setting.verifier.warm_up()).unwrap();
    assert!(setting.verifier.is_ready());
    flood(&setting);
    setting.clock.advance(Duration::from_secs(2));
    for token in &tokens[..10] {
        assert_eq!(setting.code(token.expose_secret()), "granted");
    }
    assert_eq!(setting.lookups(), (0, 0));
}

#[test]
fn a_warm_up_logs_how_many_tokens_it_read() {
    let setting = Setting::new();
    issue(&setting.registry, None);
    let log = log_of(|| block_on(setting.verifier.warm_up()).unwrap());
    assert!(log.contains("tokens=2 is_complete=true"), "{log}");
}

#[test]
fn what_is_answered_and_charged_stays_the_same() {
    let (cold, warm) = (Setting::new(), warmed_up());
    for _ in 0..12 {
        let codes = [&cold, &warm].map(|setting| setting.code(&unknown_token()));
        assert_eq!(codes[0], codes[1]);
    }
    let denial = warm.present(&unknown_token()).unwrap_err();
    assert!(matches!(denial, Denial::AttemptsExceeded { .. }), "{denial:?}");
    assert_eq!(warm.code(warm.secret()), "granted");
}

#[test]
fn a_new_token_passes_at_once_during_a_flood() {
    let setting = warmed_up();
    flood(&setting);
    let token = issue(&setting.registry, None).secret;
    assert_eq!(setting.code(token.expose_secret()), "granted");
    assert_eq!(setting.code(token.expose_secret()), "granted");
    assert_eq!(setting.lookups(), (0, 1), "only the new token is looked up, once");
}

#[test]
fn a_new_partner_passes_at_once_during_a_flood() {
    let setting = warmed_up();
    flood(&setting);
    let key = "registered-later";
    assert!(setting.verify(&bearer(key, setting.secret())).is_err());
    let new = NewPartner::new("Later").with_api_key(key.parse().unwrap());
    block_on(setting.registry.register_partner(new)).unwrap();
    assert!(setting.verify(&bearer(key, setting.secret())).is_err(), "a negative hit");
    setting.clock.advance(Duration::from_secs(6));
    for _ in 0..2 {
        assert!(setting.verify(&bearer(key, setting.secret())).is_ok());
    }
    assert_eq!(setting.lookups(), (1, 1), "the token is stale too");
}

#[test]
fn a_revoked_token_is_looked_up_and_denied() {
    let setting = warmed_up();
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    for _ in 0..3 {
        assert_eq!(setting.code(setting.secret()), "token_invalid");
    }
    assert_eq!(setting.lookups(), (0, 1));
}

#[test]
fn usage_of_before_the_warm_up_counts() {
    let setting = Setting::new();
    let partner = setting.partner.id;
    let day = setting.partner.policy.day(START);
    let usage = dualkey_store::DailyUsage { partner, day, permits: 9_999 };
    block_on(setting.store.add_usage(&[usage])).unwrap();
    block_on(setting.verifier.warm_up()).unwrap();
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.code(setting.secret()), "quota_exceeded");
}

#[test]
fn changes_without_a_name_end_the_completeness() {
    let setting = warmed_up();
    let token = issue(&setting.registry, None).secret;
    setting.store.changes().publish(&Change::All);
    assert_eq!(setting.code(token.expose_secret()), "granted", "misses are looked up again");
    assert_eq!(setting.lookups(), (1, 1));
    // Everything is read again by the loop that writes.
    let later = issue(&setting.registry, None).secret;
    setting.clock.advance(Duration::from_secs(31));
    run_for_ten_ticks(&setting);
    let before = setting.lookups();
    assert_eq!(setting.code(later.expose_secret()), "granted");
    flood(&setting);
    assert_eq!(setting.lookups(), before);
}

/// Changes are recorded by name only where the cache is complete.
#[test]
fn in_a_cold_cache_a_new_token_needs_the_allowance() {
    let setting = Setting::new();
    let token = issue(&setting.registry, None).secret;
    setting.store.changes().publish(&Change::Token(token.digest()));
    for _ in 0..10 {
        assert_eq!(setting.code(&unknown_token()), "token_invalid");
    }
    assert_eq!(setting.code(token.expose_secret()), "attempts_exceeded");
}

#[test]
fn a_new_partner_needs_no_allowance_for_unknown_keys() {
    let setting = Setting::new();
    let limit = LimitPolicy::default(); // 5 a second, burst 10
    let verifier = Verifier::builder(setting.registry.clone()).unknown_keys(limit).build();
    block_on(verifier.warm_up()).unwrap();
    setting.store.set_fault(Fault::CatchUp);
    let code = |key: &str| {
        let headers = bearer(key, setting.secret());
        let decision = block_on(verifier.verify(&headers, &Requirement::NONE));
        decision.map_or_else(|denial| denial.code(), |_| "granted")
    };
    let codes: Vec<_> = (0..11).map(|number| code(&format!("made-up-key-{number}"))).collect();
    assert_eq!(codes[9..], ["api_key_invalid", "attempts_exceeded"]);
    let new = NewPartner::new("Later").with_api_key("registered-later".parse().unwrap());
    block_on(setting.registry.register_partner(new)).unwrap();
    setting.store.changes().publish(&Change::Partner("registered-later".parse().unwrap()));
    assert_eq!(code("registered-later"), "granted");
}

#[test]
fn an_absent_token_is_a_negative_hit_without_the_store() {
    let setting = warmed_up();
    let unknown = unknown_token();
    assert_eq!(setting.code(&unknown), "token_invalid");
    setting.store.set_fault(Fault::CatchUp);
    assert_eq!(setting.code(&unknown), "token_invalid");
    assert_eq!(setting.lookups(), (0, 0));
}

#[test]
fn an_absent_token_that_a_change_named_is_looked_up_once() {
    let setting = warmed_up();
    let token = PlainToken::mint(setting.registry.prefix());
    setting.store.changes().publish(&Change::Token(token.digest()));
    for partner_lookups in [0, 1] {
        assert_eq!(setting.code(token.expose_secret()), "token_invalid");
        assert_eq!(setting.lookups(), (partner_lookups, 1));
        setting.clock.advance(Duration::from_secs(6)); // the absence and the partner are stale
    }
}

#[test]
fn a_complete_cache_is_not_read_again() {
    let setting = warmed_up();
    setting.clock.advance(Duration::from_secs(31));
    run_for_ten_ticks(&setting);
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.lookups(), (1, 1), "both were stale");
}

/// Changes of entries that are not held are recorded by name, up to a bound.
#[test]
fn too_many_changes_to_record_end_the_completeness() {
    let setting = warmed_up();
    let change = |number: u32| {
        let key = format!("changed-key-{number}").parse().unwrap();
        setting.store.changes().publish(&Change::Partner(key));
    };
    (0..65_536).for_each(change);
    assert!(setting.verify(&bearer("made-up-key-1", setting.secret())).is_err());
    assert_eq!(setting.lookups(), (0, 0));
    change(65_536);
    assert!(setting.verify(&bearer("made-up-key-2", setting.secret())).is_err());
    assert_eq!(setting.lookups(), (1, 0));

    setting.clock.advance(Duration::from_secs(31));
    run_for_ten_ticks(&setting);
    assert!(setting.verify(&bearer("changed-key-7", setting.secret())).is_err());
    assert_eq!(setting.lookups(), (1, 0), "everything is read again, and no change since");
}

#[test]
fn each_of_many_partners_is_found() {
    let setting = Setting::new();
    let keys: Vec<_> = (0..300).map(|number| format!("partner-key-{number}")).collect();
    for key in &keys {
        let new = NewPartner::new("Many").with_api_key(key.parse().unwrap());
        block_on(setting.registry.register_partner(new)).unwrap();
    }
    block_on(setting.verifier.warm_up()).unwrap();
    for key in &keys {
        assert!(setting.verify(&bearer(key, setting.secret())).is_ok(), "{key}");
    }
    assert_eq!(setting.lookups(), (0, 0));
}

#[test]
fn where_not_all_fit_misses_are_looked_up() {
    let setting = Setting::new();
    let tokens: Vec<_> = (0..3).map(|_| issue(&setting.registry, None).secret).collect();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(2).build();
    block_on(verifier.warm_up()).unwrap();
    assert!(verifier.is_ready());
    for token in &tokens {
        let headers = bearer(KEY, token.expose_secret());
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
    }
    assert_eq!(setting.lookups(), (0, 2), "of four tokens, two fit");
}

#[test]
fn without_catching_up_misses_are_looked_up() {
    let setting = warmed_up();
    let token = issue(&setting.registry, None).secret;
    setting.store.set_fault(Fault::CatchUp);
    assert_eq!(setting.code(token.expose_secret()), "granted");
    assert_eq!(setting.lookups(), (0, 1));
}

#[test]
fn what_was_read_before_a_change_overwrites_no_answer() {
    let named = |setting: &Setting| Change::Token(setting.token.secret.digest());
    for change in [named, |_: &Setting| Change::All] {
        let setting = Setting::new();
        setting.store.set_fault(Fault::Delay);
        let mut cx = Context::from_waker(Waker::noop());
        let mut warming_up = Box::pin(setting.verifier.warm_up());
        for _until_the_token_is_read in 0..4 {
            assert!(warming_up.as_mut().poll(&mut cx).is_pending());
        }
        setting.store.set_fault(Fault::None);
        block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
        setting.store.changes().publish(&change(&setting));
        assert_eq!(setting.code(setting.secret()), "token_invalid");
        block_on(warming_up).unwrap();
        assert_eq!(setting.code(setting.secret()), "token_invalid");
    }
}

#[test]
fn a_dropped_warm_up_can_be_repeated_and_two_cannot_overlap() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let mut cx = Context::from_waker(Waker::noop());
    let mut first = Box::pin(setting.verifier.warm_up());
    for _until_it_reads in 0..2 {
        assert!(first.as_mut().poll(&mut cx).is_pending());
    }
    assert!(block_on(setting.verifier.warm_up()).is_err());
    drop(first);
    assert_eq!(setting.code(setting.secret()), "granted", "nothing is complete");
    block_on(setting.verifier.warm_up()).unwrap();
    assert!(setting.verifier.is_ready());
}

#[test]
fn a_failed_warm_up_is_not_ready_and_looks_up() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Error);
    assert!(block_on(setting.verifier.warm_up()).is_err());
    setting.store.set_fault(Fault::None);
    assert!(!setting.verifier.is_ready());
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn a_verifier_is_ready_while_the_change_feed_reads() {
    let setting = warmed_up();
    setting.store.changes().advance_watermark(setting.clock.now());
    setting.clock.advance(Duration::from_secs(5)); // `max_staleness`
    assert!(setting.verifier.is_ready());
    setting.clock.advance(Duration::from_nanos(1));
    assert!(!setting.verifier.is_ready());
    setting.store.changes().advance_watermark(setting.clock.now());
    assert!(setting.verifier.is_ready());
}

#[test]
fn unknown_keys_share_an_allowance_where_they_are_looked_up() {
    let setting = Setting::new();
    let limit = LimitPolicy::default(); // 5 a second, burst 10
    let verifier = Verifier::builder(setting.registry.clone()).unknown_keys(limit).build();
    let code = |key: &str| {
        let headers = bearer(key, setting.secret());
        let decision = block_on(verifier.verify(&headers, &Requirement::NONE));
        decision.map_or_else(|denial| denial.code(), |_| "granted")
    };
    assert_eq!(code(KEY), "granted", "the first lookup of a valid key takes a permit too");
    let codes: Vec<_> = (0..1_000).map(|number| code(&format!("made-up-key-{number}"))).collect();
    assert_eq!(codes.iter().filter(|code| **code == "api_key_invalid").count(), 9);
    assert_eq!(codes.iter().filter(|code| **code == "attempts_exceeded").count(), 991);
    assert_eq!(setting.lookups().0, 10);
    assert_eq!(code(KEY), "granted");

    setting.store.changes().publish(&Change::All);
    assert_eq!(code(KEY), "granted", "a known key is confirmed without the allowance");
}
