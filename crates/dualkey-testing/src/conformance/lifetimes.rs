use std::time::Duration;

use dualkey_limit::{Clock as _, Timestamp};
use dualkey_store::{NewToken, OrganizationId, RegistryError};

use super::setup::{DAY, START, Setup};

pub(super) async fn lifetimes_have_a_default_and_a_maximum(setup: Setup) {
    let registry =
        setup.registry.clone().with_default_lifetime(DAY * 30).with_max_lifetime(DAY * 90);
    let acme = OrganizationId::from("acme");
    let token = |name: &str| NewToken::new(acme.clone(), name, ["a:read"]);
    let days = |days| Some(setup.clock.now().saturating_add(DAY * days));
    let issued = registry.issue_token(token("default")).await.expect("issued").record;
    assert_eq!(issued.expires_at, days(30));

    let longest = token("longest").with_expiry(START.saturating_add(DAY * 90));
    let longest = registry.issue_token(longest).await.expect("issued").record;
    let longer = token("longer").with_expiry(START.saturating_add(DAY * 90 + MICRO));
    for refused in [longer, token("endless").without_expiry()] {
        let refused = registry.issue_token(refused).await;
        assert!(matches!(refused, Err(RegistryError::LifetimeTooLong { max }) if max == DAY * 90));
    }
    assert_eq!(setup.names("acme").await, ["longest", "default"]);

    let endless = setup.issue("acme", "endless").await.record; // before there was a maximum
    setup.clock.advance(DAY);
    let short = registry.clone().with_max_lifetime(DAY * 60);
    for (old, expected) in [(issued, days(30)), (longest, days(60)), (endless, days(60))] {
        let new = short.rotate_token(&acme, &old.id, DAY).await.expect("rotated").record;
        assert_eq!(new.expires_at, expected, "{}", old.name);
    }
}

const MICRO: Duration = Duration::from_micros(1);

pub(super) async fn expiring_tokens_are_listed_soonest_first(setup: Setup) {
    let Setup { registry, clock, .. } = &setup;
    let acme = OrganizationId::from("acme");
    let after = |time: Duration| Some(START.saturating_add(time));
    for (name, time) in [("third", DAY * 3), ("first", DAY), ("second", DAY * 2)] {
        setup.issue_until("acme", name, after(time)).await;
    }
    setup.issue("acme", "endless").await;
    setup.issue_until("other", "foreign", after(DAY)).await;
    let replaced = setup.issue_until("acme", "replaced", after(DAY * 9)).await.record;
    registry.rotate_token(&acme, &replaced.id, DAY).await.expect("rotated");
    let names = async |within| {
        let tokens = registry.expiring_within(&acme, within).await.expect("a list");
        Vec::from_iter(tokens.into_iter().map(|token| token.name))
    };
    assert_eq!(names(DAY * 2).await, ["first", "second"]);
    assert_eq!(names(DAY * 3 - MICRO).await, ["first", "second"]);
    assert_eq!(names(DAY * 400).await, ["first", "second", "third", "replaced"], "the successor");
    assert_eq!(names(Duration::MAX).await.len(), 4);
    clock.advance(DAY);
    assert_eq!(names(DAY).await, ["second"], "the first has expired");
    let none = setup.store.expiring_tokens(&acme, Timestamp::MAX, Timestamp::EPOCH).await;
    assert_eq!(none.expect("a list"), [], "no token expires before it does");
}
