//! No log line and no `Debug` of a decision shows a secret, at any level.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::support::log::log_of;
use crate::support::{KEY, START, Setting, bearer, issue, unknown_token};
use dualkey_scope::Requirement;
use dualkey_verify::{Request, StoreLookup};
use pollster::block_on;

#[test]
fn a_log_of_everything_holds_no_token() {
    let setting = Setting::new();
    let unknown = unknown_token();
    let mut mistyped = setting.secret().to_owned();
    mistyped.pop();
    let mut shown = String::new();
    let log = log_of(|| {
        for (key, token) in [
            (KEY, setting.secret()),
            (KEY, &unknown),
            (KEY, &mistyped),
            (setting.secret(), setting.secret()),
            (&unknown, setting.secret()),
        ] {
            shown += &format!("{:?}", setting.verify(&bearer(key, token)));
        }
    });
    assert!(log.contains("wrong length"), "the reason is logged: {log}");
    assert!(log.contains("in place of a partner key"), "a misplaced secret is logged: {log}");
    assert!(log.contains(&setting.token.record.id.to_string()), "by its id: {log}");
    shown += &format!("{:?}", setting.verifier);
    for secret in [setting.secret(), &unknown] {
        let body = &secret[3..43];
        assert!(!log.contains(body) && !shown.contains(body));
    }
}

#[test]
fn debug_output_has_names_and_settings_but_no_credential() {
    let setting = Setting::new();
    let headers = bearer(KEY, setting.secret());
    let (requirement, cost) = (&Requirement::NONE, NonZeroU32::new(7).unwrap());
    let request = Request { headers: &headers, requirement, cost, charged: 3 };
    let grant = setting.verify(&headers).unwrap();
    let request = format!("{request:?}");
    assert!(request.contains("cost: 7, charged: 3"), "{request}");
    let verifier = format!("{:?}", setting.verifier);
    assert!(verifier.contains("max_staleness: 5s"), "{verifier}");
    let lookup = format!("{:?}", StoreLookup::default());
    assert_eq!(lookup, "StoreLookup { .. }");
    let grant = format!("{grant:?}");
    assert!(grant.contains("source: GrantSource { .. }"), "{grant}");
    for shown in [request, verifier, lookup, grant] {
        assert!(!shown.contains(KEY) && !shown.contains(&setting.secret()[3..43]), "{shown}");
    }
}

#[test]
fn each_refusal_is_an_event_with_ids_and_a_reason() {
    let setting = Setting::new();
    let expiring = issue(&setting.registry, Some(START.saturating_add(Duration::from_secs(1))));
    let partner = format!("partner={}", setting.partner.id);
    let log_of = |api_key: &str, token: &str| {
        log_of(|| drop(setting.verify(&bearer(api_key, token)).map(|_| "granted")))
    };
    assert!(log_of("unknown-key", setting.secret()).contains("unknown partner key"));
    let unknown = log_of(KEY, &unknown_token());
    assert!(unknown.contains("unknown token") && unknown.contains(&partner), "{unknown}");

    let granted = log_of(KEY, expiring.secret.expose_secret());
    assert!(!granted.contains("refused"), "{granted}");
    setting.clock.advance(Duration::from_secs(2));
    for _cached_then_not in 0..2 {
        let log = log_of(KEY, expiring.secret.expose_secret());
        let token = format!("token={}", expiring.record.id);
        assert!(log.contains("expired token") && log.contains(&token), "{log}");
        assert!(log.contains(&partner), "{log}");
        setting.clock.advance(Duration::from_secs(10));
    }
    let token = format!("token={}", setting.token.record.id);
    let limited = (0..20).map(|_| log_of(KEY, setting.secret())).last().unwrap();
    assert!(limited.contains("the burst is used up") && limited.contains(&token), "{limited}");
    block_on(setting.registry.set_enabled(&setting.partner.api_key, false)).unwrap();
    setting.clock.advance(Duration::from_secs(10));
    let disabled = log_of(KEY, setting.secret());
    assert!(disabled.contains("disabled partner") && disabled.contains(&partner), "{disabled}");
}
