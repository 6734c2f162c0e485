use std::sync::{Arc, Mutex};

use dualkey_limit::LimitPolicy;
use dualkey_store::{Change, ChangeListener, IssuedToken, OrganizationId};

use super::setup::{DAY, Setup, key, partner};

#[derive(Default)]
struct Received(Mutex<Vec<String>>);

impl ChangeListener for Received {
    fn on_change(&self, change: &Change) {
        let what = match change {
            Change::Partner(api_key) => format!("partner {api_key}"),
            Change::Token(digest) => format!("token {:?}", digest.as_bytes()),
            _ => "all".to_owned(),
        };
        self.0.lock().expect("no check panics while it holds the lock").push(what);
    }
}

pub(super) async fn changes_are_published_before_acknowledgement(setup: Setup) {
    let Setup { store, registry, .. } = &setup;
    let received = Arc::new(Received::default());
    store.changes().subscribe(&received);
    let expect = |expected: &[String]| {
        let mut received = received.0.lock().expect("no check panics while it holds the lock");
        for what in expected {
            assert!(
                received.contains(what) || received.contains(&"all".to_owned()),
                "{what} is not in {received:?}"
            );
        }
        received.clear();
    };
    let change = || ["partner key-number-1".to_owned()];
    let acme = OrganizationId::from("acme");
    registry.register_partner(partner("One", "key-number-1")).await.expect("registered");
    expect(&change());
    registry.set_limits(&key("key-number-1"), LimitPolicy::default()).await.expect("changed");
    expect(&change());
    registry.set_enabled(&key("key-number-1"), false).await.expect("changed");
    expect(&change());
    let about = |token: &IssuedToken| format!("token {:?}", token.secret.digest().as_bytes());
    let old = setup.issue("acme", "token").await;
    expect(&[about(&old)]);
    registry.rename_token(&acme, &old.record.id, "renamed").await.expect("renamed");
    expect(&[about(&old)]);
    let new = registry.rotate_token(&acme, &old.record.id, DAY).await.expect("rotated");
    expect(&[about(&old), about(&new)]);
    registry.revoke_token(&acme, &new.record.id).await.expect("revoked");
    expect(&[about(&new)]);
}

pub(super) async fn catching_up_succeeds_with_and_without_changes(setup: Setup) {
    setup.store.catch_up().await.expect("no change to publish");
    setup.issue("acme", "token").await;
    setup.store.catch_up().await.expect("one change to publish");
}
