use std::time::Duration;

use dualkey_limit::Clock as _;
use dualkey_store::{
    AuditAction, AuditTarget, NewToken, OrganizationId, Page, RegistryError, TokenId,
};

use super::setup::{DAY, START, Setup, join_all};

pub(super) async fn an_active_token_has_its_name_alone(setup: Setup) {
    let Setup { registry, clock, .. } = &setup;
    let acme = OrganizationId::from("acme");
    let issue = async |name: &str| {
        let token = NewToken::new(acme.clone(), name, ["a:read"]);
        registry.issue_token(token).await.map(|issued| issued.record)
    };
    let first = issue("Zapier").await.expect("issued");
    assert!(matches!(issue("Zapier").await, Err(RegistryError::NameTaken)));
    assert_eq!(setup.names("acme").await, ["Zapier"], "nothing changed");
    let trail = registry.audit(Some(&acme), Page::first(9)).await.expect("a page");
    assert_eq!(trail.len(), 1, "a refusal leaves no entry");
    issue("zapier").await.expect("another name");
    setup.issue("other", "Zapier").await;

    let successor = registry.rotate_token(&acme, &first.id, DAY).await.expect("rotated").record;
    assert_eq!(successor.name, "Zapier", "the old one is replaced");
    assert!(matches!(issue("Zapier").await, Err(RegistryError::NameTaken)));
    registry.revoke_token(&acme, &successor.id).await.expect("revoked");
    let second = issue("Zapier").await.expect("the name is free, although the first one works");
    registry.revoke_token(&acme, &second.id).await.expect("revoked");

    setup.issue_until("acme", "short", Some(clock.now().saturating_add(DAY))).await;
    clock.advance(DAY - Duration::from_micros(1));
    assert!(matches!(issue("short").await, Err(RegistryError::NameTaken)));
    clock.advance(Duration::from_micros(1));
    issue("short").await.expect("the name of an expired token is free");
}

pub(super) async fn concurrent_issues_with_one_name_make_one_token(setup: Setup) {
    let issue = || setup.registry.issue_token(NewToken::new("acme", "token", ["a:read"]));
    let issued = join_all((0..4).map(|_| issue())).await;
    assert_eq!(issued.iter().filter(|issued| issued.is_ok()).count(), 1);
    let is_taken = |issued: &&Result<_, _>| matches!(issued, Err(RegistryError::NameTaken));
    assert_eq!(issued.iter().filter(is_taken).count(), 3);
    assert_eq!(setup.names("acme").await, ["token"]);
}

pub(super) async fn a_token_is_renamed(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let registry = setup.registry.with_actor("alice").expect("a name");
    let taken = setup.issue("acme", "taken").await.record;
    let token = setup.issue("acme", "old \"name\"").await;
    let rename = async |id: &TokenId, name: &str| registry.rename_token(&acme, id, name).await;
    let id = token.record.id;
    setup.clock.advance(DAY);
    let renamed = rename(&id, "new ☂").await.expect("renamed");
    assert_eq!(renamed.name, "new ☂");
    let stored = setup.stored(&token).await.expect("the token is found").record;
    assert_eq!(stored, renamed, "nothing else of it changed");
    let trail = registry.audit(Some(&acme), Page::first(9)).await.expect("a page");
    assert_eq!((trail[0].actor.as_str(), trail[0].action), ("alice", AuditAction::TokenRenamed));
    assert_eq!(trail[0].detail, "\"old \\\"name\\\"\" to \"new ☂\"");
    assert_eq!(trail[0].at, START.saturating_add(DAY));
    assert_eq!(trail[0].subject, AuditTarget::Token { organization: acme.clone(), id });

    assert_eq!(rename(&id, "new ☂").await.expect("its own name"), renamed);
    assert!(matches!(rename(&id, "taken").await, Err(RegistryError::NameTaken)));
    assert!(matches!(rename(&id, "").await, Err(RegistryError::InvalidName)));
    let foreign = registry.rename_token(&"other".into(), &id, "other").await;
    assert!(matches!(foreign, Err(RegistryError::NotFound)));
    let unknown = rename(&TokenId::from_bytes([7; 16]), "other").await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
    let after = registry.audit(Some(&acme), Page::first(9)).await.expect("a page");
    assert_eq!(after, trail, "what changes nothing leaves no entry");

    registry.rotate_token(&acme, &taken.id, DAY).await.expect("rotated");
    rename(&taken.id, "new ☂").await.expect("a replaced token is not active");
}
