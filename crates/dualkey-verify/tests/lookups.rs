//! What a store is asked, how fresh the answers are, and what is written behind.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dualkey_limit::{Clock as _, LimitPolicy, Rate, Timestamp};
use dualkey_scope::Requirement;
use dualkey_store::{Change, Fault, Registry, Store, UsageStore as _};
use dualkey_token::Prefix;
use dualkey_verify::Verifier;
use pollster::block_on;
use support::{KEY, START, Setting, bearer, headers, issue, stranger};

const MAX_STALENESS: Duration = Duration::from_secs(5);

/// The store has begun to answer, and the request waits for it.
fn poll_until_a_token_is_asked_for(setting: &Setting, mut verifying: Pin<&mut impl Future>) {
    while setting.asked().1 == 0 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(verifying.as_mut().poll(&mut cx).is_pending());
    }
}

/// The codes of requests each of which begins before another ends.
fn all_at_once(setting: &Setting, requests: &[http::HeaderMap]) -> Vec<&'static str> {
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
fn no_token_is_looked_up_when_the_partner_key_fails() {
    let setting = Setting::new();
    for key in ["unknown-key", "seven77", "", "a, b, c, d"] {
        assert!(setting.verify(&bearer(key, setting.secret())).is_err());
    }
    assert_eq!(setting.asked(), (1, 0), "only the readable key is looked up");
    for _ in 0..100 {
        assert!(setting.verify(&bearer("unknown-key", setting.secret())).is_err());
    }
    assert_eq!(setting.asked(), (1, 0), "and once, within the staleness allowed");
}

#[test]
fn no_token_is_looked_up_that_fails_its_format() {
    let setting = Setting::new();
    let mut mistyped = setting.secret().to_owned();
    let last = if mistyped.ends_with('A') { "B" } else { "A" };
    mistyped.replace_range(mistyped.len() - 1.., last);
    for token in ["gw_short", "a,b", &mistyped] {
        assert_eq!(setting.code(token), "token_invalid");
    }
    assert!(setting.verify(&headers(&[("x-api-key", KEY)])).is_err());
    assert_eq!(setting.asked(), (1, 0));
}

#[test]
fn strangers_cannot_make_the_store_be_asked_at_will() {
    let setting = Setting::new();
    for _ in 0..1_000 {
        assert!(setting.present(&stranger()).is_err());
    }
    assert_eq!(setting.asked(), (1, 10), "as often as the allowance holds");
    let same = stranger();
    setting.clock.advance(Duration::from_secs(2));
    for _ in 0..10 {
        assert_eq!(setting.code(&same), "token_invalid");
    }
    assert_eq!(setting.asked().1, 11, "an absent token is remembered");
}

#[test]
fn strangers_cannot_do_so_at_the_same_time_either() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let requests: Vec<_> = (0..100).map(|_| bearer(KEY, &stranger())).collect();
    let codes = all_at_once(&setting, &requests);
    assert_eq!(setting.asked().1, 10);
    assert_eq!(codes.iter().filter(|code| **code == "token_invalid").count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == "attempts_exceeded").count(), 90);
}

#[test]
fn who_asks_the_same_at_the_same_time_waits_for_one_answer() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let codes = all_at_once(&setting, &vec![headers; 11]);
    assert_eq!(setting.asked(), (1, 1));
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == "rate_limited").count(), 1);
}

#[test]
fn who_waits_does_not_depend_on_the_one_who_asked() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut asking = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_a_token_is_asked_for(&setting, asking.as_mut());
    // From here on nobody polls the one who asked.
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.asked(), (1, 1));
}

#[test]
fn a_look_up_that_is_given_up_counts_no_longer() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    for _ in 0..100 {
        let headers = bearer(KEY, &stranger());
        let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
        let mut cx = Context::from_waker(Waker::noop());
        while setting.asked().0 == 0 {
            assert!(verifying.as_mut().poll(&mut cx).is_pending());
        }
        let _given_up = verifying.as_mut().poll(&mut cx);
    }
    setting.store.set_fault(Fault::None);
    setting.clock.advance(Duration::from_secs(2));
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn the_hot_path_asks_nobody() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    for _ in 0..8 {
        let headers = bearer(KEY, setting.secret());
        let cost = std::num::NonZeroU32::MIN;
        let decided = setting.verifier.try_verify_cached(&headers, &Requirement::NONE, cost);
        assert!(matches!(decided, Some(Ok(_))));
    }
    assert_eq!(setting.asked(), (1, 1));
}

#[test]
fn a_token_in_memory_expires_to_the_nanosecond_and_its_store_is_asked_in_the_last_moment() {
    let setting = Setting::new();
    let expiry = START.saturating_add(Duration::from_millis(1_030));
    let token = issue(&setting.registry, Some(expiry)).secret;
    for (before, asked) in [(1_030_000_000, 1), (100_000_000, 1), (1, 2)] {
        setting.clock.set(expiry.saturating_sub(Duration::from_nanos(before)));
        assert_eq!(setting.code(token.expose_secret()), "granted");
        assert_eq!(setting.asked(), (1, asked), "{before} ns before");
    }
    setting.clock.set(expiry);
    assert_eq!(setting.code(token.expose_secret()), "token_invalid");
}

#[test]
fn an_entry_is_served_for_so_long_after_it_was_confirmed_and_no_longer() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.clock.set(START.saturating_add(MAX_STALENESS));
    assert_eq!(setting.code(setting.secret()), "granted", "nobody told this process");
    setting.clock.advance(Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn a_shorter_staleness_can_be_asked_for() {
    let setting = Setting::new();
    let verifier =
        Verifier::builder(setting.registry.clone()).max_staleness(Duration::ZERO).build();
    let headers = bearer(KEY, setting.secret());
    for _ in 0..3 {
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        assert_eq!(setting.asked().1, 1, "within the same instant nothing is stale");
    }
    setting.clock.advance(Duration::from_nanos(1));
    assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
    assert_eq!(setting.asked().1, 2);
}

#[test]
fn a_change_that_is_heard_of_counts_at_once() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    let organization = "acme".into();
    block_on(setting.registry.revoke_token(&organization, &setting.token.record.id)).unwrap();
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert_eq!(setting.code(setting.secret()), "token_invalid");

    block_on(setting.registry.set_enabled(KEY, false)).unwrap();
    setting.store.changes().publish(&Change::All);
    assert_eq!(setting.code(setting.secret()), "api_key_invalid");
}

#[test]
fn what_is_issued_works_at_once_though_it_was_found_absent_before() {
    let setting = Setting::new();
    let unknown = bearer("registered-later", setting.secret());
    assert_eq!(setting.verify(&unknown).unwrap_err().code(), "api_key_invalid");
    let new = dualkey_store::NewPartner {
        name: "Later".into(),
        policy: dualkey_limit::LimitPolicy::default(),
        api_key: Some("registered-later".into()),
    };
    block_on(setting.registry.register_partner(new)).unwrap();
    setting.store.changes().publish(&Change::Partner("registered-later".into()));
    assert!(setting.verify(&unknown).is_ok());
}

#[test]
fn beyond_the_bound_the_store_is_asked_until_idle_tokens_make_room() {
    let setting = Setting::new();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(2).build();
    let tokens: Vec<_> = (0..3).map(|_| issue(&setting.registry, None).secret).collect();
    let verify = |at: usize| {
        let headers = bearer(KEY, tokens[at].expose_secret());
        assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
        setting.asked().1
    };
    setting.store.changes().advance_watermark(Timestamp::from_nanos(u64::MAX));
    assert_eq!([verify(0), verify(1), verify(2)], [1, 2, 3]);
    assert_eq!([verify(0), verify(1), verify(2)], [3, 3, 4], "the third finds no room");
    setting.clock.advance(Duration::from_secs(61));
    assert_eq!([verify(0), verify(2), verify(2)], [4, 5, 5], "the second was idle");
    assert_eq!(verify(1), 6);
}

#[test]
fn a_feed_that_is_complete_spares_the_store() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    for _ in 0..10 {
        setting.clock.advance(MAX_STALENESS);
        setting.store.changes().advance_watermark(setting.clock.now());
        setting.clock.advance(MAX_STALENESS);
        assert_eq!(setting.code(setting.secret()), "granted");
    }
    assert_eq!(setting.asked(), (1, 1));
    setting.clock.advance(Duration::from_nanos(1));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.asked(), (2, 2), "a feed that is down confirms nothing");
}

#[test]
fn an_answer_from_before_a_change_is_not_kept() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_a_token_is_asked_for(&setting, verifying.as_mut());
    // The store has read the token, its answer is on the way; now the token is revoked.
    block_on(setting.registry.revoke_token(&"acme".into(), &setting.token.record.id)).unwrap();
    setting.store.changes().publish(&Change::Token(setting.token.secret.digest()));
    assert!(block_on(verifying).is_ok(), "the request began before the revocation");
    assert_eq!(setting.code(setting.secret()), "token_invalid");
}

#[test]
fn a_use_is_noted_also_where_the_answer_is_not_kept() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Delay);
    let headers = bearer(KEY, setting.secret());
    let mut verifying = pin!(setting.verifier.verify(&headers, &Requirement::NONE));
    poll_until_a_token_is_asked_for(&setting, verifying.as_mut());
    setting.store.changes().publish(&Change::Partner("another-partner".into()));
    assert!(block_on(verifying).is_ok());
    setting.store.set_fault(Fault::None);
    block_on(setting.verifier.flush()).unwrap();
    let record = block_on(setting.registry.tokens(&"acme".into())).unwrap().remove(0);
    assert_eq!(record.last_used_at, Some(START));
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(setting.asked().1, 2, "and it was not kept");
}

#[test]
fn while_the_store_is_away_known_tokens_pass_until_they_are_stale_and_unknown_ones_get_503() {
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
fn a_remembered_token_needs_no_allowance_to_be_confirmed_again() {
    let setting = Setting::new();
    assert_eq!(setting.code(setting.secret()), "granted");
    setting.clock.advance(MAX_STALENESS + Duration::from_nanos(1));
    for _ in 0..20 {
        assert!(setting.present(&stranger()).is_err());
    }
    assert_eq!(setting.code(setting.secret()), "granted");
}

#[test]
fn last_uses_are_written_behind_once_a_minute_and_only_forwards() {
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
    assert_eq!(record().last_used_at, Some(last), "when it was used, not when it was written");
    setting.clock.advance(Duration::from_secs(1));
    assert_eq!(setting.code(setting.secret()), "granted");
    block_on(setting.verifier.flush()).unwrap();
    assert_eq!(
        record().last_used_at,
        Some(setting.clock.now()),
        "the end of the process waits not"
    );
    assert_eq!(record().first_used_at, Some(START));
}

#[test]
fn a_403_is_a_use_and_a_refusal_by_limits_is_none() {
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
fn usage_outlives_the_process_and_processes_add_up() {
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
    assert_eq!(used(), 7, "what was read is not added again");
}

#[test]
fn what_a_store_fails_to_write_is_written_later_and_costs_requests_nothing() {
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
    assert_eq!(setting.store.writes(), writes, "nothing new, no statement");
}

#[test]
fn a_write_that_is_given_up_is_made_up_for() {
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
fn what_keeps_writing_ends_with_a_last_write_when_it_is_told_to() {
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
}

#[test]
fn many_tokens_in_constant_use_are_a_row_a_minute_each_in_few_statements() {
    const TOKENS: usize = 1_000;
    let plenty = std::num::NonZeroU32::new(1_000_000).unwrap();
    let policy = LimitPolicy::new(Rate::per_second(plenty), plenty);
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
    assert_eq!(setting.asked(), (1, TOKENS), "and each is asked for once");
}

#[test]
fn scopes_that_the_catalogue_no_longer_knows_grant_nothing() {
    let setting = Setting::new();
    let smaller = dualkey_scope::Catalogue::builder().scope("b:read", "B").build().unwrap();
    let b_read = smaller.require_all(["b:read"]).unwrap();
    let store: Arc<dyn Store> = Arc::<dualkey_store::FaultyStore>::clone(&setting.store);
    let clock = Arc::new(setting.clock.clone());
    let verifier = Verifier::new(Registry::new(smaller, Prefix::new("gw"), store, clock));
    let headers = bearer(KEY, setting.secret());
    let grant = block_on(verifier.verify(&headers, &Requirement::NONE)).unwrap();
    assert!(grant.scopes.is_empty());
    let denial = block_on(verifier.verify(&headers, &b_read)).unwrap_err();
    assert_eq!(denial.code(), "scope_insufficient");
}
