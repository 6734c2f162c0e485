use std::time::Duration;

use dualkey_limit::Clock as _;
use dualkey_store::{
    AuditEntry, FormNonce, IssueOutcome, IssueRequest, IssuedToken, NewToken, OrganizationId, Page,
    RegistryError, StoredToken,
};
use dualkey_token::PlainToken;

use super::setup::{DAY, Setup, join_all};

impl Setup {
    fn nonce(&self) -> FormNonce {
        FormNonce::random(self.clock.now())
    }

    async fn issue_once(
        &self,
        organization: &str,
        name: &str,
        nonce: FormNonce,
    ) -> Result<IssuedToken, RegistryError> {
        let token = NewToken::new(organization, name, ["a:read"]).with_nonce(nonce);
        self.registry.issue_token(token).await
    }
}

pub(super) async fn a_form_issues_one_token(setup: Setup) {
    let Setup { registry, .. } = &setup;
    let (acme, nonce) = (OrganizationId::from("acme"), setup.nonce());
    setup.issue("acme", "taken").await;
    let refused = setup.issue_once("acme", "taken", nonce).await;
    assert!(matches!(refused, Err(RegistryError::NameTaken)));
    let issued = setup.issue_once("acme", "token", nonce).await.expect("no token was issued yet");
    let id = issued.record.id;
    let is_done = |again: Result<IssuedToken, RegistryError>| {
        assert!(matches!(again, Err(RegistryError::AlreadyDone { token }) if token == id));
    };
    for name in ["token", "taken", "other"] {
        is_done(setup.issue_once("acme", name, nonce).await);
    }
    let full = registry.clone().with_max_tokens_per_organization(1);
    let token = NewToken::new("acme", "token", ["a:read"]).with_nonce(nonce);
    is_done(full.issue_token(token).await);
    is_done(registry.rotate_token_once(&acme, &id, DAY, nonce).await);
    assert_eq!(setup.names("acme").await, ["token", "taken"]);
    let trail = registry.audit(Some(&acme), Page::first(9)).await.expect("a page");
    assert_eq!(trail.len(), 2, "a refusal leaves no entry");

    setup.issue_once("other", "token", nonce).await.expect("another organization's form");
    setup.issue_once("acme", "another", setup.nonce()).await.expect("another form");
    registry.revoke_token(&acme, &id).await.expect("revoked");
    is_done(setup.issue_once("acme", "token", nonce).await);
    assert!(setup.stored(&issued).await.is_none());
}

pub(super) async fn a_form_rotates_a_token_once(setup: Setup) {
    let Setup { registry, .. } = &setup;
    let (acme, nonce) = (OrganizationId::from("acme"), setup.nonce());
    let old = setup.issue("acme", "token").await.record;
    let rotate = async |nonce| registry.rotate_token_once(&acme, &old.id, DAY, nonce).await;
    let new = rotate(nonce).await.expect("rotated").record;
    let is_done = |again: Result<IssuedToken, RegistryError>| {
        assert!(matches!(again, Err(RegistryError::AlreadyDone { token }) if token == new.id));
    };
    is_done(rotate(nonce).await);
    let refused = rotate(setup.nonce()).await;
    assert!(matches!(refused, Err(RegistryError::AlreadyRotated)), "by another form");
    registry.revoke_token(&acme, &new.id).await.expect("revoked");
    is_done(rotate(nonce).await);
    is_done(setup.issue_once("acme", "token", nonce).await);
    assert_eq!(setup.names("acme").await, ["token"]);
}

pub(super) async fn a_form_sent_twice_at_once_is_done_once(setup: Setup) {
    let nonce = setup.nonce();
    let names = ["one", "two", "three", "four"];
    let issued = join_all(names.map(|name| setup.issue_once("acme", name, nonce))).await;
    let ids = Vec::from_iter(issued.iter().filter_map(|one| Some(one.as_ref().ok()?.record.id)));
    let [id] = ids[..] else { panic!("{ids:?} were issued") };
    let is_done = |one: &&Result<_, _>| matches!(one, Err(RegistryError::AlreadyDone { token }) if *token == id);
    assert_eq!(issued.iter().filter(is_done).count(), 3);
    assert_eq!(setup.names("acme").await.len(), 1);

    let (acme, nonce) = (OrganizationId::from("acme"), setup.nonce());
    let rotate = || setup.registry.rotate_token_once(&acme, &id, DAY, nonce);
    let rotated = join_all((0..4).map(|_| rotate())).await;
    assert_eq!(rotated.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(setup.names("acme").await.len(), 2);
}

pub(super) async fn a_stale_form_issues_nothing(setup: Setup) {
    let acme = OrganizationId::from("acme");
    let token = setup.issue("acme", "token").await.record;
    let old = setup.nonce();
    let ahead = FormNonce::random(setup.clock.now().saturating_add(DAY * 2));
    setup.clock.advance(DAY + Duration::from_secs(1));
    for nonce in [old, ahead] {
        let issued = setup.issue_once("acme", "other", nonce).await;
        assert!(matches!(issued, Err(RegistryError::StaleForm)));
        let rotated = setup.registry.rotate_token_once(&acme, &token.id, DAY, nonce).await;
        assert!(matches!(rotated, Err(RegistryError::StaleForm)));
    }
    assert_eq!(setup.names("acme").await, ["token"]);
}

/// The registry refuses a nonce that is a day old; the store knows it for a week.
pub(super) async fn nonces_are_kept_for_a_week(setup: Setup) {
    let Setup { store, registry, clock, .. } = &setup;
    let (acme, nonce) = (OrganizationId::from("acme"), setup.nonce());
    let issued = setup.issue_once("acme", "token", nonce).await.expect("issued").record;
    let entry: AuditEntry =
        registry.audit(Some(&acme), Page::first(1)).await.expect("a page")[0].clone();
    registry.revoke_token(&acme, &issued.id).await.expect("revoked");
    let insert = async || {
        let digest = PlainToken::mint(registry.prefix()).digest();
        let token = StoredToken { digest, record: issued.clone() };
        let request = IssueRequest { token, max_tokens: 9, nonce: Some(nonce) };
        store.insert_token(request, entry.clone()).await.expect("an answer")
    };
    clock.advance(DAY * 7);
    registry.prune_expired(clock.now()).await.expect("pruned");
    setup.issue_once("acme", "other", setup.nonce()).await.expect("issued");
    assert_eq!(insert().await, IssueOutcome::AlreadyDone(issued.id));
    clock.advance(Duration::from_micros(1));
    let week_ago = clock.now().saturating_sub(DAY * 7);
    assert_eq!(store.prune_nonces(week_ago).await.expect("pruned"), 1);
    assert_eq!(store.prune_nonces(week_ago).await.expect("none is left"), 0);
}
