use std::time::Duration;

use dualkey_limit::Clock as _;
use dualkey_store::{OrganizationId, RegistryError, TokenStatus};

use super::setup::{DAY, START, Setup};

pub(super) async fn rotation_links_two_tokens_and_ends_the_old_one(setup: Setup) {
    let Setup { registry, clock, .. } = &setup;
    let acme = OrganizationId::from("acme");
    let old = setup.issue("acme", "token").await;
    clock.advance(DAY);
    let new = registry.rotate_token(&acme, &old.record.id, DAY).await.expect("rotated");
    assert_eq!((&new.record.name, &new.record.scopes), (&old.record.name, &old.record.scopes));
    assert_eq!(new.record.replaces, Some(old.record.id));
    assert_eq!(new.record.expires_at, None);
    assert_eq!(new.record.created_at, clock.now());
    assert_ne!(new.secret.expose_secret(), old.secret.expose_secret());

    let stored = setup.stored(&old).await.expect("the old one is kept").record;
    assert_eq!(stored.replaced_by, Some(new.record.id));
    assert_eq!(stored.expires_at, Some(clock.now().saturating_add(DAY)));
    assert_eq!(stored.status(clock.now()), TokenStatus::Replaced);

    let again = registry.rotate_token(&acme, &old.record.id, DAY).await;
    assert!(matches!(again, Err(RegistryError::AlreadyRotated)));
    clock.advance(DAY);
    assert_eq!(stored.status(clock.now()), TokenStatus::Expired);
    let late = registry.rotate_token(&acme, &old.record.id, DAY).await;
    assert!(matches!(late, Err(RegistryError::Expired)));
    assert!(registry.rotate_token(&acme, &new.record.id, Duration::ZERO).await.is_ok());
}

pub(super) async fn rotation_never_prolongs_a_token(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let expiry = START.saturating_add(DAY);
    let old = setup.issue_until("acme", "token", Some(expiry)).await;
    setup.clock.advance(DAY / 2);
    let new = setup.registry.rotate_token(&acme, &old.record.id, DAY * 9).await.expect("rotated");
    let stored = setup.stored(&old).await.expect("the old one is kept").record;
    assert_eq!(stored.expires_at, Some(expiry));
    assert_eq!(new.record.expires_at, Some(setup.clock.now().saturating_add(DAY)));
}
