//! The list of tokens: states, sorting, filter and pages.

use std::time::Duration;

use crate::support::{ALICE, BASE, BOB, World};
use dualkey_store::NewToken;
use dualkey_testing::NOON;

const DAY: Duration = Duration::from_secs(86_400);

/// A token in each state. The clock is at noon afterwards.
async fn every_state() -> World {
    let world = World::with(|console| console.last_used_delay(Duration::from_secs(60)));
    let at = |days: u32| NOON.saturating_sub(days * DAY);
    let token = |name| NewToken::new("acme", name, ["guests:read"]);
    world.fixture.clock.set(at(120));
    world.issue_with(token("expired").with_expiry(at(3))).await;
    let unused = world.issue("unused").await.record.id;
    let old = world.issue("rotated").await.record.id;
    world.issue_with(token("expiring").with_expiry(NOON.saturating_add(14 * DAY))).await;
    world.fixture.clock.set(at(7));
    world.issue("never").await;
    world.fixture.clock.set(at(1));
    let rotated = world.fixture.registry.rotate_token(&"acme".into(), &old, 7 * DAY).await.unwrap();
    world.issue("fresh").await;
    world.fixture.clock.set(NOON);
    world.used(unused, at(90)).await;
    world.used(old, at(2)).await;
    world.used(rotated.record.id, NOON.saturating_sub(Duration::from_secs(180))).await;
    world
}

#[tokio::test]
async fn an_empty_list_says_what_tokens_are_for() {
    let world = World::with(|console| console.partner_contact("support@example.com"));
    let page = world.get(ALICE, "").await;
    assert_eq!((page.status.as_u16(), page.title()), (200, "API Access"));
    assert!(page.has("No tokens yet") && page.has("partner key"));
    assert!(page.has("mailto:support@example.com"));
    assert!(page.has(&format!("href=\"{BASE}/new\"")));
    assert!(!page.has("<table"), "an empty list has no table");
    assert!(page.has("<p class=\"dk-status\" role=\"status\"></p>"));
}

#[tokio::test]
async fn each_row_has_one_chip() {
    let page = every_state().await.get(ALICE, "?sort=name").await;
    let chips = ["Expired", "Expiring", "Active", "Never used", "Active", "Replaced", "Unused"];
    assert_eq!(page.chips(), chips);
    assert!(page.has("1 expiring</a>") && page.has("1 unused</a>"));
    assert!(page.has("up to 1 minute late") && page.has("Expired tokens are listed for 30 days."));
}

#[tokio::test]
async fn a_row_says_which_partner_used_the_token() {
    let page = every_state().await.get(ALICE, "?q=rotated").await;
    let rows = page.rows();
    assert!(rows[0].contains("3 minutes ago</time>") && rows[0].contains(" by <bdi>Zapier</bdi>"));
    assert!(rows[0].contains("title=\"2023-11-15 11:57:00 UTC\""));
    let page = every_state().await.get(ALICE, "?q=fresh").await;
    assert!(page.rows()[0].contains("<span class=\"dk-hidden\">Never</span>"));
}

#[tokio::test]
async fn a_replaced_token_stands_below_its_successor() {
    let world = every_state().await;
    for query in ["", "?sort=name&order=desc", "?sort=last-used", "?sort=expires"] {
        let page = world.get(ALICE, query).await;
        let rows = page.rows();
        let old = rows.iter().position(|row| row.contains("Replaced by")).unwrap();
        assert!(rows[old - 1].contains("<bdi>rotated</bdi>"), "{query}");
        assert!(rows[old].contains("safe to remove"), "{query}");
    }
}

#[tokio::test]
async fn a_replaced_token_that_is_still_used_is_not_safe_to_remove() {
    let world = World::new();
    let old = world.issue("a").await.record.id;
    let new = world.fixture.registry.rotate_token(&"acme".into(), &old, DAY).await.unwrap();
    assert!(!world.get(ALICE, "").await.has("safe to remove"), "the successor was not used");
    world.fixture.clock.advance(Duration::from_secs(20));
    world.used(new.record.id, NOON.saturating_add(Duration::from_secs(5))).await;
    assert!(world.get(ALICE, "").await.has("safe to remove"));
    world.used(old, NOON.saturating_add(Duration::from_secs(10))).await;
    assert!(!world.get(ALICE, "").await.has("safe to remove"), "the old one is in use");
}

#[tokio::test]
async fn an_expired_token_can_be_created_again_and_not_rotated() {
    let page = every_state().await.get(ALICE, "?show=expired").await;
    assert_eq!(page.chips(), ["Expired"]);
    assert!(page.has("Create again with these settings") && !page.has(">Rotate<"));
    assert!(page.has(&format!("{BASE}/new?name=expired&amp;expires=117&amp;scope=guests%3Aread")));
}

#[tokio::test]
async fn columns_sort_in_both_directions() {
    let world = World::new();
    for name in ["b", "a", "c"] {
        world.issue(name).await;
    }
    for (query, order, sorted) in [
        (
            "",
            ["c", "a", "b"],
            "aria-sort=\"descending\"><a href=\"/settings/api-access?sort=created&amp;order=asc\">Created",
        ),
        (
            "?sort=name",
            ["a", "b", "c"],
            "aria-sort=\"ascending\"><a href=\"/settings/api-access?sort=name&amp;order=desc\">Name",
        ),
        ("?sort=name&order=desc", ["c", "b", "a"], "aria-sort=\"descending\"><a"),
        ("?sort=unknown&order=up&page=x", ["c", "a", "b"], "aria-sort=\"descending\"><a"),
    ] {
        let page = world.get(ALICE, query).await;
        let rows = page.rows();
        for (row, name) in rows.iter().zip(order) {
            assert!(row.contains(&format!("<bdi>{name}</bdi>")), "{query}");
        }
        assert!(page.has(sorted), "{query}");
        assert_eq!(page.body.matches("aria-sort").count(), 1, "{query}");
    }
}

#[tokio::test]
async fn a_filter_without_a_match_is_quoted_and_can_be_cleared() {
    let world = every_state().await;
    let page = world.get(ALICE, "?q=%3Cnone%3E&show=unused&sort=name").await;
    assert!(page.has("Nothing matches “<bdi>&lt;none&gt;</bdi>” among"));
    assert!(page.has(&format!("href=\"{BASE}?sort=name&amp;order=asc\">Clear")));
    assert!(!page.has("No tokens yet"));
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let world = World::new();
    for number in 0..30 {
        world.issue(&format!("token {number:02}")).await;
    }
    let page = world.get(ALICE, "?sort=name").await;
    assert_eq!(page.rows().len(), 25);
    assert!(page.has("Page 1 of 2") && page.has("sort=name&amp;order=asc&amp;page=2"));
    let last = world.get(ALICE, "?sort=name&page=9").await;
    assert_eq!(last.rows().len(), 5);
    assert!(last.has("token 29") && last.has("30 of 100"));
}

#[tokio::test]
async fn a_visitor_who_may_not_edit_sees_why_and_no_buttons() {
    let world = every_state().await;
    let page = world.get(BOB, "").await;
    assert!(page.has("You may view the tokens of your organization, but not change them."));
    for control in ["Create token", ">Rotate<", "Remove", "<dialog", "Create again"] {
        assert!(!page.has(control), "{control}");
    }
    assert_eq!(page.rows().len(), 7);
}

#[tokio::test]
async fn the_dialog_names_the_token_and_the_consequence() {
    let world = every_state().await;
    let page = world.get(ALICE, "?q=rotated").await;
    assert!(page.has("Are you sure you want to remove this access token?"));
    assert!(page.has("Used 3 minutes ago by <bdi>Zapier</bdi>: its requests will fail."));
    assert!(page.has("command=\"show-modal\"") && page.has("role=\"alertdialog\""));
    let expired = world.get(ALICE, "?q=expired").await;
    assert!(expired.has("It has expired, so no request depends on it."));
}
