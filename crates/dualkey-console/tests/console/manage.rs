//! The page of a token, rotation, removal and the audit trail.

use std::time::Duration;

use crate::support::{ALICE, Answer, BASE, BOB, World};
use dualkey_store::TokenId;
use dualkey_testing::{Fault, NOON};

const HOUR: Duration = Duration::from_secs(3_600);

fn path(id: TokenId) -> String {
    format!("/{id}")
}

async fn rotate(world: &World, id: TokenId, overlap: &str) -> Answer {
    let nonce = world.nonce(&format!("/{id}/rotate")).await;
    let id = id.to_string();
    let sent = [("action", "rotate"), ("nonce", &nonce), ("token", &id), ("overlap", overlap)];
    world.post(ALICE, "", &sent).await
}

#[tokio::test]
async fn the_page_of_a_token_shows_times_in_utc_and_its_creator() {
    let world = World::new();
    let registry = world.fixture.registry.with_actor("carol").unwrap();
    let token = dualkey_store::NewToken::new("acme", "Zapier", ["guests:read"]);
    let id = registry.issue_token(token).await.unwrap().record.id;
    world.fixture.clock.advance(HOUR);
    world.used(id, NOON.saturating_add(HOUR / 2)).await;
    let page = world.get(ALICE, &path(id)).await;
    assert_eq!(page.title(), "\u{2068}Zapier\u{2069} · API Access");
    assert!(page.has(">2023-11-15 12:00:00 UTC</time> by <bdi>carol</bdi>"));
    assert!(page.has(">2023-11-15 12:30:00 UTC</time> (30 minutes ago) by <bdi>Zapier</bdi>"));
    assert!(page.has(">Rename<") && page.has(">Rotate<") && page.has("Remove token"));
    let read_only = world.get(BOB, &path(id)).await;
    assert!(!read_only.has("<form"));
}

#[tokio::test]
async fn a_token_is_renamed_and_its_history_has_both_names() {
    let world = World::new();
    let id = world.issue("before").await.record.id;
    world.fixture.clock.advance(HOUR);
    let renamed = world.post(ALICE, &path(id), &[("name", " after ")]).await;
    let url = format!("{BASE}/{id}?notice=renamed");
    assert_eq!((renamed.status.as_u16(), renamed.location()), (303, url.as_str()));
    let page = world.get(ALICE, &format!("/{id}?notice=renamed")).await;
    assert!(page.has("<div class=\"dk-notice\" tabindex=\"-1\" autofocus>The token was renamed."));
    assert!(page.has("<h1><bdi>after</bdi></h1>"));
    assert_eq!(page.rows().len(), 2);
    assert!(page.rows()[0].contains("Renamed") && page.rows()[0].contains("before"));
    assert!(page.rows()[0].contains("<bdi>alice</bdi>"));
}

#[tokio::test]
async fn a_name_that_is_refused_is_kept_in_its_field() {
    let world = World::new();
    let id = world.issue("one").await.record.id;
    world.issue("two").await;
    for (name, error) in [("two", "An active token has this name."), ("", "Enter a name")] {
        let page = world.post(ALICE, &path(id), &[("name", name)]).await;
        assert_eq!(page.status, 422);
        assert!(page.title().starts_with("Error: ") && page.has(error), "{name}");
        assert!(page.has("<a href=\"#dk-name\">") && page.has("aria-invalid=\"true\""));
        assert_eq!(page.field("name"), name);
    }
    assert_eq!(world.names().await, ["two", "one"]);
}

#[tokio::test]
async fn a_rotation_shows_the_successor_and_the_end_of_the_old_one() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let form = world.get(ALICE, &format!("/{id}/rotate")).await;
    assert!(form.has("value=\"86400\" checked") && form.has("value=\"604800\""));
    let page = rotate(&world, id, "3600").await;
    assert_eq!((page.status.as_u16(), page.title()), (200, "Token rotated · API Access"));
    assert!(page.token().is_some() && page.has("is accepted until"));
    assert!(page.has(">2023-11-15 13:00:00 UTC</time>"));
    let (old, new) = {
        let mut tokens = world.fixture.registry.tokens(&"acme".into()).await.unwrap();
        (tokens.pop().unwrap(), tokens.pop().unwrap())
    };
    assert_eq!((old.expires_at, new.replaces), (Some(NOON.saturating_add(HOUR)), Some(old.id)));
    let history = world.get(ALICE, &path(new.id)).await;
    assert!(history.has("From <a") && history.has("by <bdi>alice</bdi>"));
}

#[tokio::test]
async fn an_own_expiry_that_is_earlier_ends_the_overlap() {
    let world = World::new();
    let token = dualkey_store::NewToken::new("acme", "short", ["guests:read"]);
    let end = NOON.saturating_add(HOUR);
    let id = world.issue_with(token.with_expiry(end)).await.record.id;
    let page = rotate(&world, id, "604800").await;
    assert!(page.has("is accepted until") && page.has(">2023-11-15 13:00:00 UTC</time>"));
    let now = world.issue("now").await.record.id;
    assert!(rotate(&world, now, "0").await.has("is refused from now on"));
}

#[tokio::test]
async fn a_rotation_that_is_sent_twice_makes_one_successor() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id.to_string();
    let nonce = world.nonce(&format!("/{id}/rotate")).await;
    let sent = [("action", "rotate"), ("nonce", &nonce), ("token", &id), ("overlap", "3600")];
    assert!(world.post(ALICE, "", &sent).await.token().is_some());
    let again = world.post(ALICE, "", &sent).await;
    assert_eq!((again.status.as_u16(), again.token()), (200, None));
    assert!(again.has("Replace the token"));
    assert_eq!(world.names().await.len(), 2);
}

#[tokio::test]
async fn a_rotation_that_cannot_be_made_says_why() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    assert_eq!(rotate(&world, id, "1").await.status, 422);
    let nonce = world.nonce(&format!("/{id}/rotate")).await;
    rotate(&world, id, "3600").await;
    let id = id.to_string();
    let sent = [("action", "rotate"), ("nonce", &nonce), ("token", &id), ("overlap", "3600")];
    let page = world.post(ALICE, "", &sent).await;
    assert_eq!(page.status, 422);
    assert!(page.has("The token was rotated before. Rotate its successor."));
    assert_eq!(world.names().await.len(), 2);
}

#[tokio::test]
async fn a_removed_token_is_named_in_the_notice() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let removed = world.post(ALICE, &format!("/{id}/remove"), &[]).await;
    let url = format!("{BASE}?removed={id}");
    assert_eq!((removed.status.as_u16(), removed.location()), (303, url.as_str()));
    let page = world.get(ALICE, &format!("?removed={id}")).await;
    assert!(page.has("autofocus>The token <bdi>Zapier</bdi> was removed.</div>"));
    let again = world.post(ALICE, &format!("/{id}/remove"), &[]).await;
    assert_eq!(again.location(), format!("{BASE}?notice=gone"));
    assert!(world.get(ALICE, "?notice=gone").await.has("The token was already removed."));
    assert_eq!(world.get(ALICE, &path(id)).await.status, 404);
    let unknown = TokenId::from_bytes([1; 16]);
    assert!(!world.get(ALICE, &format!("?removed={unknown}")).await.has("dk-notice"));
}

#[tokio::test]
async fn a_removal_while_the_store_is_away_can_be_sent_again() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    world.store().set_fault(Fault::Error);
    let page = world.post(ALICE, &format!("/{id}/remove"), &[]).await;
    assert_eq!(page.status, 503);
    assert!(page.has("Try again"));
    world.store().set_fault(Fault::None);
    assert_eq!(world.names().await, ["Zapier"]);
}

#[tokio::test]
async fn the_audit_trail_has_pages() {
    let world = World::new();
    for number in 0..60 {
        world.issue(&format!("token {number}")).await;
    }
    let page = world.get(ALICE, "/audit").await;
    assert_eq!(page.rows().len(), 50);
    assert!(page.rows()[0].contains("<bdi>token 59</bdi>"));
    let older = page.body.split("rel=\"next\" href=\"").nth(1).unwrap();
    let older = older.split('"').next().unwrap().strip_prefix(BASE).unwrap();
    let older = world.get(ALICE, older).await;
    // 10 tokens of this test, and the token of the fixture: issued and revoked.
    assert_eq!(older.rows().len(), 12);
    assert!(older.has("Newest") && !older.has(">Older<"));
}
