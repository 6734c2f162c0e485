use dualkey_limit::LimitPolicy;
use dualkey_store::{AuditAction, AuditTarget, NewToken, OrganizationId, Page};

use super::setup::{DAY, START, Setup, partner};

pub(super) async fn the_audit_trail_records_actor_and_action(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let alice = setup.registry.with_actor("alice@acme.example").expect("a name");
    let bob = setup.registry.with_actor("bob").expect("a name");
    let partner = alice.register_partner(partner("One", "key-number-1")).await.expect("registered");
    let token = NewToken::new(acme.clone(), "Zapier", ["a:read"]);
    let old = alice.issue_token(token).await.expect("issued").record;
    setup.issue("other", "token").await;
    let new = bob.rotate_token(&acme, &old.id, DAY).await.expect("rotated").record;
    alice.revoke_token(&acme, &old.id).await.expect("revoked");
    assert!(bob.revoke_token(&acme, &old.id).await.is_err(), "a failed change leaves no entry");
    bob.set_limits(&partner.api_key, LimitPolicy::default()).await.expect("changed");
    bob.set_enabled(&partner.api_key, false).await.expect("changed");
    bob.set_enabled(&partner.api_key, true).await.expect("changed");

    let first = Page::first(10);
    let trail = setup.registry.audit(Some(&acme), first).await.expect("a page");
    let listed =
        trail.iter().map(|entry| (entry.actor.as_str(), entry.action, entry.detail.as_str()));
    assert_eq!(
        Vec::from_iter(listed),
        [
            ("alice@acme.example", AuditAction::TokenRevoked, "Zapier"),
            ("bob", AuditAction::TokenRotated, new.id.to_string().as_str()),
            ("alice@acme.example", AuditAction::TokenIssued, "Zapier"),
        ]
    );
    assert!(trail.iter().all(|entry| entry.at == START));
    let of_old = AuditTarget::Token { organization: acme.clone(), id: old.id };
    assert!(trail.iter().all(|entry| entry.subject == of_old));
    let rest = Page { after: Some(trail[0].id), limit: 1 };
    assert_eq!(setup.registry.audit(Some(&acme), rest).await.expect("a page"), trail[1..2]);

    let trail = setup.registry.audit(None, first).await.expect("a page");
    let listed = trail.iter().map(|entry| entry.action);
    assert_eq!(
        Vec::from_iter(listed),
        [
            AuditAction::PartnerEnabled,
            AuditAction::PartnerDisabled,
            AuditAction::LimitsChanged,
            AuditAction::PartnerRegistered,
        ]
    );
    let of_partner = AuditTarget::Partner { id: partner.id };
    assert!(trail.iter().all(|entry| entry.subject == of_partner));
}
