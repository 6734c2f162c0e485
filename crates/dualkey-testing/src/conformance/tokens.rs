use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{
    DigestMethod, NewToken, OrganizationId, Page, RegistryError, TokenAccess, TokenId, TokenUse,
};
use dualkey_token::{Digester, Pepper, TokenDigest};

use super::setup::{DAY, START, Setup};

pub(super) async fn tokens_are_listed_newest_first_and_found_by_digest(setup: Setup) {
    let expiry = START.saturating_add(DAY);
    let first = setup.issue_until("acme", "Zapier ☂ 'quoted'", Some(expiry)).await;
    let second = setup.issue("acme", "second").await; // in the same instant
    setup.clock.advance(Duration::from_micros(1));
    let third = setup.issue("acme", "third").await;
    let listed = setup.registry.tokens(&"acme".into()).await.expect("a list");
    assert_eq!(listed, [third.record, second.record, first.record.clone()]);
    assert_eq!(listed[2].scopes, ["b:read", "a:read"], "in the order of the catalogue");
    assert_eq!(listed[2].expires_at, Some(expiry));

    let stored = setup.stored(&first).await.expect("the token is found");
    assert_eq!(stored.record, first.record);
    assert!(bool::from(stored.digest.ct_eq(&first.secret.digest())));
    let unknown = TokenDigest::of(b"unknown token");
    assert!(setup.store.token_by_digest(&unknown).await.expect("an answer").is_none());
}

pub(super) async fn an_organization_sees_its_own_tokens_only(setup: Setup) {
    let own = setup.issue("acme", "own").await;
    let foreign = setup.issue("Acme", "foreign").await;
    assert_eq!(setup.names("acme").await, ["own"]);
    assert_eq!(setup.names("ACME").await, [""; 0]);
    let acme = OrganizationId::from("acme");
    let revoked = setup.registry.revoke_token(&acme, &foreign.record.id).await;
    assert!(matches!(revoked, Err(RegistryError::NotFound)));
    let rotated = setup.registry.rotate_token(&acme, &foreign.record.id, DAY).await;
    assert!(matches!(rotated, Err(RegistryError::NotFound)));
    assert!(setup.stored(&foreign).await.is_some() && setup.stored(&own).await.is_some());
}

pub(super) async fn a_revoked_token_is_gone_for_good(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let token = setup.issue("acme", "token").await;
    setup.registry.revoke_token(&acme, &token.record.id).await.expect("revoked");
    assert!(setup.stored(&token).await.is_none());
    assert_eq!(setup.names("acme").await, [""; 0]);
    let again = setup.registry.revoke_token(&acme, &token.record.id).await;
    assert!(matches!(again, Err(RegistryError::NotFound)));
    let rotated = setup.registry.rotate_token(&acme, &token.record.id, DAY).await;
    assert!(matches!(rotated, Err(RegistryError::NotFound)));
    let late = TokenUse { token: token.record.id, first_at: START, last_at: START, last_by: None };
    setup.store.record_uses(&[late], START).await.expect("an unknown token is ignored");
    assert!(setup.stored(&token).await.is_none());
}

pub(super) async fn the_maximum_of_tokens_is_enforced(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let registry = setup.registry.clone().with_max_tokens_per_organization(2);
    let issue = |name| registry.issue_token(NewToken::new(acme.clone(), name, ["a:read"]));
    let first = issue("first").await.expect("issued");
    let second = issue("second").await.expect("issued");
    assert!(matches!(issue("third").await, Err(RegistryError::TooManyTokens { max_tokens: 2 })));
    let third = registry.rotate_token(&acme, &first.record.id, DAY).await.expect("rotated");
    registry.rotate_token(&acme, &second.record.id, DAY).await.expect("rotated");
    let fifth = registry.rotate_token(&acme, &third.record.id, DAY).await;
    assert!(matches!(fifth, Err(RegistryError::TooManyTokens { max_tokens: 4 })));
    for token in [&first, &second, &third] {
        assert!(matches!(issue("last").await, Err(RegistryError::TooManyTokens { .. })));
        registry.revoke_token(&acme, &token.record.id).await.expect("revoked");
    }
    assert!(issue("last").await.is_ok());
    assert!(setup.issue("other", "token").await.record.replaces.is_none());
}

pub(super) async fn pages_follow_one_another(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.insert(0, setup.issue("acme", &format!("token {number}")).await.record.id);
    }
    let page = |after, limit| {
        let tokens = setup.registry.tokens_page(&acme, Page { after, limit });
        async { Vec::from_iter(tokens.await.expect("a page").into_iter().map(|token| token.id)) }
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    setup.registry.revoke_token(&acme, &ids[3]).await.expect("revoked");
    assert_eq!(
        page(Some(ids[3]), 2).await,
        ids[4..],
        "although the last token of the page before is revoked"
    );
    assert_eq!(page(Some(ids[4]), 2).await, []);
}

pub(super) async fn tokens_without_a_pepper_are_listed(setup: Setup) {
    let pepper = |byte| Pepper::new([byte; 32]).expect("long enough");
    let digester = Digester::peppered(pepper(1)).accept_unpeppered();
    let peppered = setup.registry.clone().with_digester(digester.clone());
    let first = setup.issue("acme", "first").await.record;
    let second = setup.issue("other", "second").await.record;
    assert_eq!(first.digest_method, DigestMethod::Unpeppered);
    let token = NewToken::new("acme", "peppered", ["a:read"]);
    let issued = peppered.issue_token(token).await.expect("issued");
    let id = digester.pepper_id().expect("there is a pepper");
    let stored = peppered.token(&issued.secret).await.expect("the token is found");
    assert_eq!(stored.digest_method, DigestMethod::Peppered(id));

    let page = async |after, limit| {
        let tokens = peppered.unpeppered_tokens(Page { after, limit }).await.expect("a page");
        Vec::from_iter(tokens.into_iter().map(|token| token.id))
    };
    assert_eq!(page(None, 9).await, [second.id, first.id]);
    assert_eq!(page(None, 1).await, [second.id]);
    assert_eq!(page(Some(second.id), 9).await, [first.id]);

    let acme = OrganizationId::from("acme");
    let successor = peppered.rotate_token(&acme, &first.id, DAY).await.expect("rotated").record;
    assert_eq!(successor.digest_method, DigestMethod::Peppered(id));
    assert_eq!(page(None, 9).await, [second.id, first.id], "the old one works for a day more");
    peppered.revoke_token(&acme, &first.id).await.expect("revoked");
    assert_eq!(page(None, 9).await, [second.id]);
}

pub(super) async fn batches_by_id_cover_every_token_once(setup: Setup) {
    let mut expected = Vec::new();
    let expiry = Some(START.saturating_add(DAY));
    for (organization, name, expiry) in [
        ("b", "token", expiry),
        ("a", "token", None),
        ("b", "other", None),
        ("☂ c", "token", expiry),
        ("a", "other", expiry),
    ] {
        let token = setup.issue_until(organization, name, expiry).await;
        expected.push(fields(setup.stored(&token).await.expect("the token is found").into()));
    }
    setup.clock.advance(DAY * 2); // three tokens have expired
    let batch = |after, limit| {
        let tokens = setup.store.tokens_after(after, limit);
        async { Vec::from_iter(tokens.await.expect("a batch").into_iter().map(fields)) }
    };
    assert_eq!(batch(None, 100).await, expected);
    assert_eq!(batch(None, 2).await, expected[..2]);
    let second = expected[1].0;
    let revoked = setup.registry.revoke_token(&"a".into(), &second).await;
    revoked.expect("revoked");
    assert_eq!(
        batch(Some(second), 2).await,
        expected[2..4],
        "although the last token of the batch before is revoked"
    );
    assert_eq!(batch(Some(expected[3].0), 2).await, expected[4..]);
    assert_eq!(batch(Some(expected[4].0), 2).await, []);
}

/// The fields, which can be compared.
fn fields(
    token: TokenAccess,
) -> (TokenId, OrganizationId, Vec<String>, Option<Timestamp>, [u8; 32]) {
    let TokenAccess { id, organization, digest, scopes, expires_at } = token;
    (id, organization, scopes, expires_at, *digest.as_bytes())
}
