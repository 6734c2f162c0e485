//! `Verifier::recheck` decides from memory, and charges nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::support::*;
use dualkey_scope::Requirement;
use dualkey_store::{Change, NewPartner, Store as _};
use dualkey_verify::{Grant, Request, StoreLookup, Verifier};
use pollster::block_on;

fn granted(setting: &Setting) -> Grant {
    setting.present(setting.secret()).unwrap()
}

fn recheck(setting: &Setting, grant: &Grant) -> &'static str {
    setting.verifier.recheck(grant).map_or_else(|denial| denial.code(), |()| "valid")
}

#[test]
fn a_recheck_asks_no_store_and_charges_nothing() {
    let setting = Setting::new();
    let grant = granted(&setting);
    let lookups = setting.lookups();
    for _ in 0..20 {
        assert_eq!(recheck(&setting, &grant), "valid");
    }
    assert_eq!(setting.lookups(), lookups);
    assert_eq!(granted(&setting).standing.burst_remaining(), 8, "of 10, after two requests");
}

#[test]
fn a_built_grant_fails_its_recheck() {
    let setting = Setting::new();
    let grant = granted(&setting);
    let built = Grant::builder().partner(grant.partner).organization(grant.organization);
    let built = built.token(grant.token).scopes(grant.scopes).standing(grant.standing).build();
    assert_eq!(recheck(&setting, &built), "unavailable");
    assert_eq!((built.partner, built.token), (grant.partner, grant.token));
    assert_eq!((built.scopes, built.standing), (grant.scopes, grant.standing));
}

#[test]
fn a_revoked_token_fails_its_next_recheck() {
    let setting = Setting::new();
    let grant = granted(&setting);
    let record = &setting.token.record;
    block_on(setting.registry.revoke_token(&record.organization, &record.id)).unwrap();
    setting.store.changes().publish(&Change::All);
    assert_ne!(recheck(&setting, &grant), "valid");
    assert!(setting.present(setting.secret()).is_err());
    assert_ne!(recheck(&setting, &grant), "valid");
}

#[test]
fn a_disabled_partner_fails_the_next_recheck() {
    let setting = Setting::new();
    let grant = granted(&setting);
    block_on(setting.registry.set_enabled(&setting.partner.api_key, false)).unwrap();
    setting.store.changes().publish(&Change::All);
    assert_eq!(recheck(&setting, &grant), "unavailable");
    assert!(setting.present(setting.secret()).is_err());
    assert_eq!(recheck(&setting, &grant), "api_key_invalid");
}

#[test]
fn an_expired_token_fails_its_next_recheck() {
    let setting = Setting::new();
    let expires_at = START.saturating_add(Duration::from_secs(2));
    let token = issue(&setting.registry, Some(expires_at));
    let grant = setting.present(token.secret.expose_secret()).unwrap();
    assert_eq!(recheck(&setting, &grant), "valid");
    setting.clock.advance(Duration::from_secs(3));
    assert_eq!(recheck(&setting, &grant), "token_invalid");
}

#[test]
fn memory_cannot_tell_of_a_stale_or_evicted_token() {
    let setting = Setting::new();
    let grant = granted(&setting);
    setting.clock.advance(Duration::from_secs(6));
    assert_eq!(recheck(&setting, &grant), "unavailable");
    granted(&setting);
    assert_eq!(recheck(&setting, &grant), "valid", "the store has confirmed the token again");

    let small = Verifier::builder(setting.registry.clone()).max_tokens(0).build();
    let headers = bearer(KEY, setting.secret());
    let grant = block_on(small.verify(&headers, &Requirement::NONE)).unwrap();
    assert_eq!(small.recheck(&grant).unwrap_err().code(), "unavailable");
}

#[test]
fn a_grant_of_another_verifier_is_not_confirmed() {
    let (setting, other) = (Setting::new(), Setting::new());
    granted(&other);
    assert_eq!(recheck(&other, &granted(&setting)), "unavailable");
}

/// A verifier numbers partners in the order in which it looks them up.
#[test]
fn a_grant_is_not_confirmed_by_another_partner_of_its_number() {
    let setting = Setting::new();
    let grant = granted(&setting);
    let other = NewPartner::new("Other").with_api_key("other-partner-key".parse().unwrap());
    block_on(setting.registry.register_partner(other)).unwrap();
    let verifier = Verifier::new(setting.registry.clone());
    let headers = bearer("other-partner-key", setting.secret());
    assert!(block_on(verifier.verify(&headers, &Requirement::NONE)).is_ok());
    assert_eq!(verifier.recheck(&grant).unwrap_err().code(), "unavailable");
}

#[test]
fn a_grant_is_confirmed_for_its_own_token_only() {
    let setting = Setting::new();
    let mut grant = granted(&setting);
    grant.token = issue(&setting.registry, None).record.id;
    assert_eq!(recheck(&setting, &grant), "unavailable");
}

#[test]
fn debug_output_of_a_grant_shows_no_part_of_the_digest() {
    let setting = Setting::new();
    let grant = granted(&setting);
    let digest = setting.token.secret.digest();
    let shown = format!("{grant:?}");
    for half in digest.as_bytes().chunks(8) {
        for word in [
            u64::from_le_bytes(half.try_into().unwrap()),
            u64::from_be_bytes(half.try_into().unwrap()),
        ] {
            assert!(!shown.contains(&word.to_string()) && !shown.contains(&format!("{word:x}")));
        }
    }
}

#[test]
fn a_second_decision_charges_only_the_excess() {
    let setting = Setting::new();
    let headers = bearer(KEY, setting.secret());
    let number = |n| NonZeroU32::new(n).unwrap();
    let decide = |cost, charged| {
        let (requirement, cost, mut lookup) =
            (&Requirement::NONE, number(cost), StoreLookup::default());
        let request = Request { headers: &headers, requirement, cost, charged };
        let decision = match setting.verifier.try_verify(request, &mut lookup) {
            Some(decision) => decision,
            None => block_on(setting.verifier.resolve(request, lookup)),
        };
        decision.map(|grant| grant.standing.burst_remaining())
    };
    assert_eq!(decide(1, 0).unwrap(), 9);
    assert_eq!(decide(1, 1).unwrap(), 9);
    assert_eq!(decide(4, 1).unwrap(), 6);
    assert_eq!(decide(2, 4).unwrap(), 6);
    assert_eq!(decide(1_000, 4).unwrap(), 0, "no request costs more than the burst");
    assert_eq!(decide(4, 4).unwrap(), 0);
    assert_eq!(decide(5, 4).unwrap_err().code(), "rate_limited");
}
