//! What every backend must do, as checks to be run on an empty store of it.
//!
//! ```
//! # pollster::block_on(async {
//! use std::sync::Arc;
//! use dualkey_store::{MemoryStore, conformance};
//!
//! conformance::check(|| async { Arc::new(MemoryStore::new()) as _ }).await;
//! # });
//! ```

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dualkey_limit::{Clock, FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_token::{Prefix, TokenDigest};

use crate::{
    ApiKey, AuditAction, AuditTarget, Change, ChangeListener, DailyUsage, IssuedToken, NewPartner,
    NewToken, OrganizationId, Page, Registry, RegistryError, Store, TokenId, TokenStatus, TokenUse,
};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// Runs every check, each on a new empty store.
///
/// # Panics
///
/// If the store breaks the contract of its ports.
pub async fn check<F: Future<Output = Arc<dyn Store>>>(empty_store: impl Fn() -> F) {
    partners_are_found_by_exactly_their_key(Setting::new(empty_store().await)).await;
    partners_change_live(Setting::new(empty_store().await)).await;
    tokens_are_listed_newest_first_and_found_by_digest(Setting::new(empty_store().await)).await;
    an_organization_sees_its_own_tokens_only(Setting::new(empty_store().await)).await;
    a_revoked_token_is_gone_for_good(Setting::new(empty_store().await)).await;
    a_rotation_links_two_tokens_and_ends_the_old_one(Setting::new(empty_store().await)).await;
    a_rotation_never_prolongs_a_token(Setting::new(empty_store().await)).await;
    the_bound_on_tokens_holds(Setting::new(empty_store().await)).await;
    uses_move_forwards_only(Setting::new(empty_store().await)).await;
    usage_adds_up_by_day(Setting::new(empty_store().await)).await;
    pages_follow_one_another(Setting::new(empty_store().await)).await;
    the_trail_says_who_did_what(Setting::new(empty_store().await)).await;
    changes_are_announced_before_they_are_acknowledged(Setting::new(empty_store().await)).await;
}

struct Setting {
    store: Arc<dyn Store>,
    clock: FakeClock,
    registry: Registry,
}

impl Setting {
    fn new(store: Arc<dyn Store>) -> Self {
        let catalogue = Catalogue::builder().scope("a:read", "A").scope("b:read", "B").build();
        let catalogue = catalogue.expect("two scopes make a catalogue");
        let clock = FakeClock::new(START);
        let prefix = Prefix::new("gw");
        let registry =
            Registry::new(catalogue, prefix, Arc::clone(&store), Arc::new(clock.clone()));
        Self { store, clock, registry }
    }

    async fn issue(&self, organization: &str, name: &str) -> IssuedToken {
        self.issue_until(organization, name, None).await
    }

    async fn issue_until(
        &self,
        organization: &str,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> IssuedToken {
        let scopes = vec!["b:read".to_owned(), "a:read".to_owned()];
        let token =
            NewToken { organization: organization.into(), name: name.into(), scopes, expires_at };
        self.registry.issue_token(token).await.expect("the token is issued")
    }

    async fn names(&self, organization: &str) -> Vec<String> {
        let tokens = self.registry.tokens(&organization.into()).await.expect("a list");
        tokens.into_iter().map(|token| token.name).collect()
    }

    async fn stored(&self, token: &IssuedToken) -> Option<crate::StoredToken> {
        self.store.token_by_digest(&token.secret.digest()).await.expect("an answer")
    }
}

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text).expect("a well-formed key")
}

fn partner(name: &str, api_key: &str) -> NewPartner {
    let policy = LimitPolicy::default();
    NewPartner { name: name.into(), policy, api_key: Some(key(api_key)) }
}

async fn partners_are_found_by_exactly_their_key(setting: Setting) {
    let Setting { store, registry, .. } = setting;
    let one = registry.register_partner(partner("One", "Key-number-1")).await.expect("registered");
    let other =
        registry.register_partner(partner("Other", "key-number-1")).await.expect("registered");
    for (text, expected) in [
        ("Key-number-1", Some(&one)),
        ("key-number-1", Some(&other)),
        ("KEY-NUMBER-1", None),
        ("Key-number-", None),
        ("Key-number-11", None),
        ("Key-number-_", None),
        ("%%%%%%%%", None),
    ] {
        let found = store.partner_by_key(&key(text)).await.expect("an answer");
        assert_eq!(found.as_ref(), expected, "{text:?}");
    }
    let taken = registry.register_partner(partner("Third", "Key-number-1")).await;
    assert!(matches!(taken, Err(RegistryError::ApiKeyTaken)));
    assert_eq!(registry.partners().await.expect("a list"), [one, other]);
}

async fn partners_change_live(setting: Setting) {
    let Setting { store, registry, .. } = setting;
    let before =
        registry.register_partner(partner("One", "key-number-1")).await.expect("registered");
    let ten = std::num::NonZeroU32::new(10).expect("not zero");
    let policy = LimitPolicy::new(Rate::per_minute(ten), ten);
    let changed = registry.set_limits(&before.api_key, policy).await.expect("changed");
    assert_eq!(changed, crate::Partner { policy, ..before.clone() });
    let disabled = registry.set_enabled(&key("key-number-1"), false).await.expect("changed");
    assert_eq!(disabled, crate::Partner { enabled: false, ..changed });
    assert_eq!(store.partner_by_key(&before.api_key).await.expect("an answer"), Some(disabled));
    let unknown = registry.set_limits(&key("key-number-2"), policy).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
    let unknown = registry.set_enabled(&key("key-number-2"), true).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
}

async fn tokens_are_listed_newest_first_and_found_by_digest(setting: Setting) {
    let expiry = START.saturating_add(DAY);
    let first = setting.issue_until("acme", "Zapier ☂ 'quoted'", Some(expiry)).await;
    let second = setting.issue("acme", "second").await; // in the same instant
    setting.clock.advance(Duration::from_micros(1));
    let third = setting.issue("acme", "third").await;
    let listed = setting.registry.tokens(&"acme".into()).await.expect("a list");
    assert_eq!(listed, [third.record, second.record, first.record.clone()]);
    assert_eq!(listed[2].scopes, ["b:read", "a:read"], "as written");
    assert_eq!(listed[2].expires_at, Some(expiry));

    let stored = setting.stored(&first).await.expect("the token is found");
    assert_eq!(stored.record, first.record);
    assert!(bool::from(stored.digest.ct_eq(&first.secret.digest())));
    let stranger = TokenDigest::of(b"nobody's token");
    assert!(setting.store.token_by_digest(&stranger).await.expect("an answer").is_none());
}

async fn an_organization_sees_its_own_tokens_only(setting: Setting) {
    let mine = setting.issue("acme", "mine").await;
    let theirs = setting.issue("Acme", "theirs").await;
    assert_eq!(setting.names("acme").await, ["mine"]);
    assert_eq!(setting.names("ACME").await, [""; 0]);
    let acme = OrganizationId::from("acme");
    let revoked = setting.registry.revoke_token(&acme, &theirs.record.id).await;
    assert!(matches!(revoked, Err(RegistryError::NotFound)));
    let rotated = setting.registry.rotate_token(&acme, &theirs.record.id, DAY).await;
    assert!(matches!(rotated, Err(RegistryError::NotFound)));
    assert!(setting.stored(&theirs).await.is_some() && setting.stored(&mine).await.is_some());
}

async fn a_revoked_token_is_gone_for_good(setting: Setting) {
    let acme = OrganizationId::from("acme");
    let token = setting.issue("acme", "token").await;
    setting.registry.revoke_token(&acme, &token.record.id).await.expect("revoked");
    assert!(setting.stored(&token).await.is_none());
    assert_eq!(setting.names("acme").await, [""; 0]);
    let again = setting.registry.revoke_token(&acme, &token.record.id).await;
    assert!(matches!(again, Err(RegistryError::NotFound)));
    let rotated = setting.registry.rotate_token(&acme, &token.record.id, DAY).await;
    assert!(matches!(rotated, Err(RegistryError::NotFound)));
    let late = TokenUse { token: token.record.id, first_at: START, last_at: START };
    setting.store.record_uses(&[late]).await.expect("passed over");
    assert!(setting.stored(&token).await.is_none());
}

async fn a_rotation_links_two_tokens_and_ends_the_old_one(setting: Setting) {
    let Setting { registry, clock, .. } = &setting;
    let acme = OrganizationId::from("acme");
    let old = setting.issue("acme", "token").await;
    clock.advance(DAY);
    let new = registry.rotate_token(&acme, &old.record.id, DAY).await.expect("rotated");
    assert_eq!((&new.record.name, &new.record.scopes), (&old.record.name, &old.record.scopes));
    assert_eq!(new.record.replaces, Some(old.record.id));
    assert_eq!(new.record.expires_at, None);
    assert_eq!(new.record.created_at, clock.now());
    assert_ne!(new.secret.expose_secret(), old.secret.expose_secret());

    let stored = setting.stored(&old).await.expect("the old one is kept").record;
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

async fn a_rotation_never_prolongs_a_token(setting: Setting) {
    let acme = OrganizationId::from("acme");
    let expiry = START.saturating_add(DAY);
    let old = setting.issue_until("acme", "token", Some(expiry)).await;
    setting.clock.advance(DAY / 2);
    let new = setting.registry.rotate_token(&acme, &old.record.id, DAY * 9).await.expect("rotated");
    let stored = setting.stored(&old).await.expect("the old one is kept").record;
    assert_eq!(stored.expires_at, Some(expiry));
    assert_eq!(new.record.expires_at, Some(setting.clock.now().saturating_add(DAY)));
}

async fn the_bound_on_tokens_holds(setting: Setting) {
    let acme = OrganizationId::from("acme");
    let registry = setting.registry.clone().with_max_tokens_per_organization(2);
    let issue = || {
        registry.issue_token(NewToken {
            organization: acme.clone(),
            name: "token".into(),
            scopes: vec!["a:read".into()],
            expires_at: None,
        })
    };
    let first = issue().await.expect("issued");
    let second = issue().await.expect("issued");
    assert!(matches!(issue().await, Err(RegistryError::TooManyTokens { max_tokens: 2 })));
    let third = registry.rotate_token(&acme, &first.record.id, DAY).await.expect("rotated");
    registry.rotate_token(&acme, &second.record.id, DAY).await.expect("rotated");
    let fifth = registry.rotate_token(&acme, &third.record.id, DAY).await;
    assert!(matches!(fifth, Err(RegistryError::TooManyTokens { max_tokens: 4 })));
    for token in [&first, &second, &third] {
        assert!(matches!(issue().await, Err(RegistryError::TooManyTokens { .. })));
        registry.revoke_token(&acme, &token.record.id).await.expect("revoked");
    }
    assert!(issue().await.is_ok());
    assert!(setting.issue("other", "token").await.record.replaces.is_none());
}

async fn uses_move_forwards_only(setting: Setting) {
    let token = setting.issue("acme", "token").await;
    let other = setting.issue("acme", "other").await;
    let unknown = TokenId::from_bytes([7; 16]);
    for (at, expected) in [(5, 5), (9, 9), (7, 9)] {
        let at = Timestamp::from_secs(at);
        let noted =
            [token.record.id, unknown].map(|token| TokenUse { token, first_at: at, last_at: at });
        setting.store.record_uses(&noted).await.expect("noted");
        let record = setting.stored(&token).await.expect("the token is found").record;
        assert_eq!(record.first_used_at, Some(Timestamp::from_secs(5)));
        assert_eq!(record.last_used_at, Some(Timestamp::from_secs(expected)));
    }
    let idle = setting.registry.idle_tokens(&"acme".into(), Timestamp::from_secs(10)).await;
    let idle: Vec<_> = idle.expect("a list").into_iter().map(|token| token.id).collect();
    assert_eq!(idle, [token.record.id], "one never used counts from when it was issued");
    let later = START.saturating_add(DAY);
    let idle = setting.registry.idle_tokens(&"acme".into(), later).await.expect("a list");
    assert_eq!(idle.len(), 2);
    assert_eq!(idle[0].id, other.record.id);
}

async fn usage_adds_up_by_day(setting: Setting) {
    let Setting { store, registry, .. } = setting;
    let partner =
        registry.register_partner(partner("One", "key-number-1")).await.expect("registered").id;
    let usage = |day, permits| DailyUsage { partner, day, permits };
    assert_eq!(store.usage(partner, 7).await.expect("an answer"), 0);
    store.add_usage(&[usage(7, 3), usage(7, 4)]).await.expect("added");
    assert_eq!(store.usage(partner, 7).await.expect("an answer"), 7);
    store.add_usage(&[usage(8, 1)]).await.expect("added");
    assert_eq!(store.usage(partner, 8).await.expect("an answer"), 1);
    assert_eq!(store.usage(partner, 9).await.expect("an answer"), 0);
    store.add_usage(&[usage(7, 5)]).await.expect("passed over, or kept for a day that is over");
    assert_eq!(store.usage(partner, 8).await.expect("an answer"), 1);
    assert_eq!(store.usages().await.expect("an answer"), [usage(8, 1)]);
}

async fn pages_follow_one_another(setting: Setting) {
    let acme = OrganizationId::from("acme");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, setting.issue("acme", "token").await.record.id);
    }
    let page = |after, limit| {
        let tokens = setting.registry.tokens_page(&acme, Page { after, limit });
        async { Vec::from_iter(tokens.await.expect("a page").into_iter().map(|token| token.id)) }
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..4]);
    setting.registry.revoke_token(&acme, &ids[3]).await.expect("revoked");
    assert_eq!(page(Some(ids[3]), 2).await, ids[4..], "though the last of the page before is gone");
    assert_eq!(page(Some(ids[4]), 2).await, []);
}

async fn the_trail_says_who_did_what(setting: Setting) {
    let acme = OrganizationId::from("acme");
    let alice = setting.registry.with_actor("alice@acme.example").expect("a name");
    let bob = setting.registry.with_actor("bob").expect("a name");
    let partner = alice.register_partner(partner("One", "key-number-1")).await.expect("registered");
    let token = NewToken {
        organization: acme.clone(),
        name: "Zapier".into(),
        scopes: vec!["a:read".into()],
        expires_at: None,
    };
    let old = alice.issue_token(token).await.expect("issued").record;
    setting.issue("other", "token").await;
    let new = bob.rotate_token(&acme, &old.id, DAY).await.expect("rotated").record;
    alice.revoke_token(&acme, &old.id).await.expect("revoked");
    assert!(bob.revoke_token(&acme, &old.id).await.is_err(), "which leaves no trace");
    bob.set_limits(&partner.api_key, LimitPolicy::default()).await.expect("changed");
    bob.set_enabled(&partner.api_key, false).await.expect("changed");
    bob.set_enabled(&partner.api_key, true).await.expect("changed");

    let first = Page::first(10);
    let trail = setting.registry.audit(Some(&acme), first).await.expect("a page");
    let told =
        trail.iter().map(|entry| (entry.actor.as_str(), entry.action, entry.detail.as_str()));
    assert_eq!(
        Vec::from_iter(told),
        [
            ("alice@acme.example", AuditAction::TokenRevoked, ""),
            ("bob", AuditAction::TokenRotated, new.id.to_string().as_str()),
            ("alice@acme.example", AuditAction::TokenIssued, "Zapier"),
        ]
    );
    assert!(trail.iter().all(|entry| entry.at == START));
    let of_old = AuditTarget::Token { organization: acme.clone(), id: old.id };
    assert!(trail.iter().all(|entry| entry.subject == of_old));
    let rest = Page { after: Some(trail[0].id), limit: 1 };
    assert_eq!(setting.registry.audit(Some(&acme), rest).await.expect("a page"), trail[1..2]);

    let trail = setting.registry.audit(None, first).await.expect("a page");
    let told = trail.iter().map(|entry| entry.action);
    assert_eq!(
        Vec::from_iter(told),
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

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl ChangeListener for Heard {
    fn on_change(&self, change: &Change) {
        let what = match change {
            Change::Partner(api_key) => format!("partner {api_key}"),
            Change::Token(digest) => format!("token {:?}", digest.as_bytes()),
            Change::All => "all".to_owned(),
        };
        self.0.lock().expect("no test panics while it holds this").push(what);
    }
}

async fn changes_are_announced_before_they_are_acknowledged(setting: Setting) {
    let Setting { store, registry, .. } = &setting;
    let heard = Arc::new(Heard::default());
    store.changes().subscribe(&heard);
    let expect = |expected: &[String]| {
        let mut heard = heard.0.lock().expect("no test panics while it holds this");
        for what in expected {
            assert!(
                heard.contains(what) || heard.contains(&"all".to_owned()),
                "{what} in {heard:?}"
            );
        }
        heard.clear();
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
    let old = setting.issue("acme", "token").await;
    expect(&[about(&old)]);
    let new = registry.rotate_token(&acme, &old.record.id, DAY).await.expect("rotated");
    expect(&[about(&old), about(&new)]);
    registry.revoke_token(&acme, &new.record.id).await.expect("revoked");
    expect(&[about(&new)]);
}
