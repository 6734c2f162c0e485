use std::time::Duration;

use dualkey_limit::Clock as _;
use dualkey_store::{AuditAction, AuditTarget, NewToken, OrganizationId, Page, RegistryError};

use super::setup::{DAY, Setup};

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) async fn expired_tokens_leave_room_for_new_ones(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let registry = setup.registry.clone().with_max_tokens_per_organization(2);
    let issue = async |name| {
        let expiry = setup.clock.now().saturating_add(HOUR);
        let token = NewToken::new(acme.clone(), name, ["a:read"]).with_expiry(expiry);
        registry.issue_token(token).await.map(|issued| issued.record)
    };
    let first = issue("first").await.expect("issued");
    issue("second").await.expect("issued");
    let refused = issue("third").await;
    assert!(matches!(refused, Err(RegistryError::TooManyTokens { max_tokens: 2 })));
    setup.clock.advance(HOUR - Duration::from_micros(1));
    assert!(issue("third").await.is_err(), "both work for a microsecond more");
    setup.clock.advance(Duration::from_micros(1));
    issue("first").await.expect("both have expired, and their names are free");
    let last = issue("second").await.expect("issued");
    assert!(matches!(issue("third").await, Err(RegistryError::TooManyTokens { .. })));

    registry.rotate_token(&acme, &last.id, Duration::ZERO).await.expect("rotated");
    assert!(matches!(issue("third").await, Err(RegistryError::TooManyTokens { .. })));
    assert!(matches!(
        registry.rotate_token(&acme, &first.id, HOUR).await,
        Err(RegistryError::Expired)
    ));
    assert_eq!(setup.names("acme").await.len(), 5, "expired ones are listed");
}

pub(super) async fn an_organization_keeps_100_expired_tokens_for_30_days(setup: Setup) {
    let Setup { registry, clock, .. } = &setup;
    let expiring = async |name: &str| {
        let expiry = clock.now().saturating_add(HOUR);
        let issued = setup.issue_until("acme", name, Some(expiry)).await;
        clock.advance(HOUR);
        issued
    };
    setup.issue_until("other", "other", Some(clock.now().saturating_add(HOUR))).await;
    let oldest = expiring("oldest").await;
    for _ in 0..99 {
        expiring("token").await;
    }
    setup.issue("acme", "lasting 1").await;
    assert_eq!(setup.names("acme").await.len(), 101);

    let newest = expiring("newest").await;
    setup.issue("acme", "lasting 2").await;
    let names = setup.names("acme").await;
    assert!(names.len() == 102 && !names.contains(&"oldest".to_owned()), "{names:?}");
    assert!(setup.stored(&oldest).await.is_none());
    let trail = registry.audit(Some(&"acme".into()), Page::first(2)).await.expect("a page");
    assert_eq!((trail[1].action, trail[1].detail.as_str()), (AuditAction::TokenPruned, "oldest"));
    let id = oldest.record.id;
    assert_eq!(trail[1].subject, AuditTarget::Token { organization: "acme".into(), id });

    clock.advance(DAY * 30 - Duration::from_micros(1));
    setup.issue("acme", "lasting 3").await;
    assert!(setup.stored(&newest).await.is_some(), "it expired less than 30 days ago");
    clock.advance(Duration::from_micros(1));
    setup.issue("acme", "lasting 4").await;
    assert!(setup.stored(&newest).await.is_none());
    let lasting = [4, 3, 2, 1].map(|number| format!("lasting {number}"));
    assert_eq!(setup.names("acme").await, lasting);
    assert_eq!(setup.names("other").await, ["other"], "another organization issued nothing");
}

pub(super) async fn pruning_deletes_what_expired_before_a_time(setup: Setup) {
    let Setup { store, registry, clock, .. } = &setup;
    let start = clock.now();
    let hours = |hours| start.saturating_add(HOUR * hours);
    for hour in 1..=50 {
        let organization = if hour % 2 == 0 { "acme" } else { "other" };
        setup.issue_until(organization, &format!("token {hour}"), Some(hours(hour))).await;
    }
    setup.issue("acme", "lasting").await;
    let live = setup.issue_until("acme", "live", Some(hours(51))).await;
    clock.advance(HOUR * 50);
    let expired = store.expired_tokens(None, hours(3), 2).await.expect("a list");
    let expiries = Vec::from_iter(expired.iter().map(|token| token.expires_at));
    assert_eq!(expiries, [Some(hours(1)), Some(hours(2))], "those that expired first");
    let of_acme = store.expired_tokens(Some(&"acme".into()), hours(4), 9).await.expect("a list");
    let expiries = Vec::from_iter(of_acme.iter().map(|token| token.expires_at));
    assert_eq!(expiries, [Some(hours(2)), Some(hours(4))]);

    let actor = registry.with_actor("night job").expect("a name");
    assert_eq!(actor.prune_expired(hours(45)).await.expect("pruned"), 45);
    let trail = registry.audit(Some(&"acme".into()), Page::first(22)).await.expect("a page");
    assert!(trail.iter().all(|entry| entry.action == AuditAction::TokenPruned));
    assert_eq!(trail[0].actor, "night job");
    let in_the_future = clock.now().saturating_add(DAY * 400);
    assert_eq!(registry.prune_expired(in_the_future).await.expect("pruned"), 5);
    assert_eq!(registry.prune_expired(clock.now()).await.expect("pruned"), 0);
    assert_eq!(setup.names("acme").await, ["live", "lasting"]);

    // A store deletes no token that has not expired, whatever the entry names.
    let mut entry = trail[0].clone();
    entry.subject = AuditTarget::Token { organization: "acme".into(), id: live.record.id };
    assert_eq!(store.prune_tokens(clock.now(), vec![entry]).await.expect("nothing to prune"), 0);
    assert!(setup.stored(&live).await.is_some());
}
