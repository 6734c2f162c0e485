//! Every name is shown as text, whatever its characters.

use std::sync::LazyLock;

use crate::support::{ALICE, World};
use dualkey_store::NewToken;
use proptest::prelude::*;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

/// Names with what could end an element, an attribute or a bidirectional context.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("<script>alert(1)</script>".to_owned()),
        Just("</title></style><!--".to_owned()),
        Just("\" autofocus onfocus=alert(1) x=\"".to_owned()),
        Just("'&amp;&lt;{{x}}".to_owned()),
        Just("\u{202e}\u{2066}\u{200f}".to_owned()),
        Just("😀👩‍👩‍👧‍👦".to_owned()),
        "\\PC{1,8}",
    ];
    proptest::collection::vec(part, 1..4)
        .prop_map(|parts| parts.concat().chars().take(100).collect::<String>().trim().to_owned())
        .prop_filter("not empty", |name| !name.is_empty())
}

/// As HTML shows a text: without these characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The tags of a page. A name adds none.
fn tags(body: &str) -> usize {
    body.matches('<').count()
}

async fn check(name: String) {
    let (world, plain) = (World::new(), World::new());
    let id = world.issue(&name).await.record.id;
    let plain_id = plain.issue("plain").await.record.id;
    for (path, plain_path) in [
        (String::new(), String::new()),
        ("/audit".to_owned(), "/audit".to_owned()),
        (format!("/{id}"), format!("/{plain_id}")),
        (format!("/{id}/rotate"), format!("/{plain_id}/rotate")),
        (format!("/{id}/remove"), format!("/{plain_id}/remove")),
    ] {
        let (page, plain) = (world.get(ALICE, &path).await, plain.get(ALICE, &plain_path).await);
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(tags(&page.body), tags(&plain.body), "{path}");
        assert!(page.has(&format!("<bdi>{}</bdi>", escaped(&name))), "{path}");
    }
    let typed = [("action", "create"), ("nonce", ""), ("name", name.as_str())];
    let form = world.post(ALICE, "", &typed).await;
    assert_eq!((form.status.as_u16(), form.field("name")), (422, escaped(&name)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_are_text_on_every_page(name in name()) {
        RUNTIME.block_on(check(name));
    }
}

#[tokio::test]
async fn a_name_of_100_emoji_is_shown_whole() {
    check("😀".repeat(100)).await;
}

#[tokio::test]
async fn a_right_to_left_override_stays_in_its_element() {
    let world = World::new();
    world.issue_with(NewToken::new("acme", "\u{202e}gpj", ["guests:read"])).await;
    let page = world.get(ALICE, "").await;
    let marks = page.body.matches('\u{202e}').count();
    assert_eq!(marks, page.body.matches("<bdi>\u{202e}gpj</bdi>").count());
}
