//! The partner of a token's last use, which is written with the use.

use std::time::Duration;

use dualkey_scope::Requirement;
use dualkey_store::{NewPartner, PartnerId};
use dualkey_verify::Verifier;
use pollster::block_on;

use crate::support::{KEY, Setting, bearer, issue};

const OTHER_KEY: &str = "other-partner-key";

/// A setting with a second partner, whose id is returned too.
fn two_partners() -> (Setting, PartnerId) {
    let setting = Setting::new();
    let other = NewPartner::new("Other").with_api_key(OTHER_KEY.parse().unwrap());
    let other = block_on(setting.registry.register_partner(other)).unwrap();
    (setting, other.id)
}

fn last_used_by(setting: &Setting) -> Option<PartnerId> {
    let tokens = block_on(setting.registry.tokens(&"acme".into())).unwrap();
    tokens.into_iter().find(|token| token.id == setting.token.record.id).unwrap().last_used_by
}

#[test]
fn the_partner_of_the_last_use_is_written_with_it() {
    let (setting, other) = two_partners();
    let present = |key| setting.verify(&bearer(key, setting.secret())).unwrap();
    let write = || block_on(setting.verifier.write_behind()).unwrap();
    present(KEY);
    assert_eq!(last_used_by(&setting), None, "a request waits for no write");
    write();
    assert_eq!(last_used_by(&setting), Some(setting.partner.id));

    for key in [KEY, OTHER_KEY] {
        setting.clock.advance(Duration::from_secs(1));
        present(key);
    }
    write();
    assert_eq!(last_used_by(&setting), Some(setting.partner.id), "within a minute of the write");
    setting.clock.advance(Duration::from_secs(60));
    write();
    assert_eq!(last_used_by(&setting), Some(other));

    for key in [OTHER_KEY, KEY] {
        setting.clock.advance(Duration::from_secs(1));
        present(key);
    }
    block_on(setting.verifier.flush()).unwrap();
    assert_eq!(last_used_by(&setting), Some(setting.partner.id));
}

#[test]
fn the_partner_of_an_evicted_token_is_written() {
    let (setting, other) = two_partners();
    let verifier = Verifier::builder(setting.registry.clone()).max_tokens(1).build();
    let present = |key, token| {
        block_on(verifier.verify(&bearer(key, token), &Requirement::NONE)).unwrap();
    };
    for key in [KEY, OTHER_KEY] {
        present(key, setting.secret());
        setting.clock.advance(Duration::from_secs(10));
    }
    setting.clock.advance(Duration::from_secs(60));
    let next = issue(&setting.registry, None);
    present(KEY, next.secret.expose_secret());
    block_on(verifier.flush()).unwrap();
    assert_eq!(last_used_by(&setting), Some(other));
}

/// Tokens that move to another slot of the cache keep the partner of their last use.
#[test]
fn the_partner_stays_while_the_cache_grows() {
    let (setting, other) = two_partners();
    let token = setting.secret();
    setting.verify(&bearer(KEY, token)).unwrap();
    setting.clock.advance(Duration::from_secs(1));
    setting.verify(&bearer(OTHER_KEY, token)).unwrap();
    for number in 0..500 {
        setting.clock.advance(Duration::from_millis(500));
        let token = dualkey_store::NewToken::new(format!("org-{number}"), "token", ["a:read"]);
        let issued = block_on(setting.registry.issue_token(token)).unwrap();
        setting.verify(&bearer(KEY, issued.secret.expose_secret())).unwrap();
    }
    block_on(setting.verifier.flush()).unwrap();
    assert_eq!(last_used_by(&setting), Some(other));
}
