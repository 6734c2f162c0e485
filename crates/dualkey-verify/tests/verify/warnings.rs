//! What a verifier warns of, once.

use std::sync::Arc;
use std::time::Duration;

use crate::support::log::log_of;
use crate::support::{START, Setting, bearer, catalogue, issue};
use dualkey_limit::FakeClock;
use dualkey_scope::Requirement;
use dualkey_store::{MemoryStore, NewPartner, Registry};
use dualkey_testing::Fault;
use dualkey_token::Prefix;
use dualkey_verify::Verifier;
use pollster::block_on;

#[test]
fn a_forgotten_write_behind_is_a_warning_once() {
    let setting = Setting::new();
    let serve = |seconds: u64| {
        for _ in 0..seconds {
            setting.clock.advance(Duration::from_secs(1));
            assert_eq!(setting.code(setting.secret()), "granted");
        }
    };
    let log = log_of(|| serve(180));
    assert_eq!(log.matches("run_write_behind").count(), 1, "{log}");

    let setting = Setting::new();
    let log = log_of(|| {
        for _ in 0..180 {
            setting.clock.advance(Duration::from_secs(1));
            assert_eq!(setting.code(setting.secret()), "granted");
            block_on(setting.verifier.write_behind()).unwrap();
        }
    });
    assert_eq!(log, "");
}

#[test]
fn an_error_of_the_store_is_logged() {
    let setting = Setting::new();
    setting.store.set_fault(Fault::Error);
    let log = log_of(|| assert_eq!(setting.code(setting.secret()), "unavailable"));
    assert_eq!(log.matches("ERROR").count(), 1, "{log}");
}

#[test]
fn a_store_in_memory_needs_no_write_behind() {
    let (clock, store) = (FakeClock::new(START), Arc::new(MemoryStore::new()));
    let registry = Registry::new(catalogue(), Prefix::new("gw"), store, Arc::new(clock.clone()));
    let partner = block_on(registry.register_partner(NewPartner::new("One"))).unwrap();
    let verifier = Verifier::new(registry.clone());
    let log = log_of(|| {
        for _ in 0..5 {
            let secret = issue(&registry, None).secret;
            let headers = bearer(partner.api_key.as_str(), secret.expose_secret());
            assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
            clock.advance(Duration::from_secs(60));
        }
    });
    assert_eq!(log, "");
}

#[test]
fn a_second_verifier_on_a_store_is_a_warning_once() {
    let setting = Setting::new();
    let build = || Verifier::new(setting.registry.clone());
    let log = log_of(|| drop([build(), build()]));
    assert_eq!(log.matches("a second verifier").count(), 1, "{log}");
    assert!(log.contains("WARN"));

    let Setting { verifier, registry, .. } = setting;
    let log = log_of(|| {
        let clone = verifier.clone();
        drop((verifier, clone));
        let _alone = Verifier::new(registry);
        let _on_another_store = Setting::new();
    });
    assert_eq!(log, "", "one at a time");

    let Setting { verifier, registry, .. } = Setting::new();
    drop(verifier);
    let log = log_of(|| drop(Verifier::new(registry)));
    assert_eq!(log, "", "the only one after another");
}
