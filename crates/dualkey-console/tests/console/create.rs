//! Creating a token: the form, its errors, the result, and a form that is sent again.

use std::time::Duration;

use crate::support::{ALICE, BASE, World, access};
use dualkey_limit::Clock as _;
use dualkey_store::{Page, TokenId};
use dualkey_testing::Fault;

const DAY: Duration = Duration::from_secs(86_400);

fn fields<'a>(nonce: &'a str, name: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("action", "create"),
        ("nonce", nonce),
        ("name", name),
        ("scope", "guests:read"),
        ("expires", "90"),
    ]
}

#[tokio::test]
async fn the_form_offers_lifetimes_and_selects_no_scope() {
    let page = World::new().get(ALICE, "/new").await;
    assert!(page.has("0 of 100 tokens"), "the maximum is stated before the form");
    assert!(page.has("value=\"90\" checked"));
    assert_eq!(page.body.matches(" checked").count(), 1);
    assert!(page.has("ends at 23:59:59 UTC") && page.has("min=\"2023-11-15\""));
    assert!(page.has("<legend>Guests</legend>") && page.has("<code translate=\"no\">guests:read"));
    for days in [30, 60, 365] {
        assert!(page.has(&format!("name=\"expires\" value=\"{days}\"")), "{days}");
    }
    assert!(page.has("value=\"never\""));
}

#[tokio::test]
async fn the_result_shows_the_token_once() {
    let world = World::with(|console| console.api_url("https://api.test/").example_path("/v1/me"));
    let nonce = world.nonce("/new").await;
    let page = world.post(ALICE, "", &fields(&nonce, "Zapier - production")).await;
    assert_eq!((page.status.as_u16(), page.title()), (200, "Token created · API Access"));
    let token = page.token().unwrap().to_owned();
    assert!(token.starts_with("gw_"));
    assert_eq!(page.body.matches(&token).count(), 1, "only as the text of one element");
    assert!(page.has("<h1 tabindex=\"-1\" autofocus>Token created</h1>"));
    assert_eq!(page.body.matches("role=\"status\"").count(), 1, "one live region");
    assert!(page.has("curl https://api.test/v1/me \\\n"));
    assert!(page.has("X-Api-Key: $PARTNER_KEY\nAuthorization: Bearer $TOKEN"));
    assert!(page.has("<bdi>Zapier - production</bdi>") && page.has("2024-02-13 12:00:00 UTC"));
    assert!(page.has("data-dk-copy hidden"), "without script there is no button to copy");
    let (acme, last) = ("acme".into(), Page::first(1));
    let trail = world.fixture.registry.audit(Some(&acme), last).await.unwrap();
    assert_eq!(trail[0].actor, ALICE);
    for path in ["", "/new", "/audit", &format!("/{}", id(&world).await)] {
        assert!(!world.get(ALICE, path).await.has(&token), "{path}");
    }
}

async fn id(world: &World) -> TokenId {
    world.fixture.registry.tokens(&"acme".into()).await.unwrap()[0].id
}

#[tokio::test]
async fn each_error_keeps_what_was_typed() {
    let world = World::new();
    world.issue("taken").await;
    let long = "é".repeat(101);
    let valid = [("name", "new"), ("scope", "guests:edit"), ("expires", "60"), ("date", "")];
    for (field, value, error) in [
        ("name", "", "Enter a name"),
        ("name", long.as_str(), "Shorten the name to 100 characters: it has 101."),
        ("name", "two\nlines", "control characters"),
        ("name", "taken", "such as “\u{2068}taken 2\u{2069}”"),
        ("scope", "unknown:scope", "a permission does not exist any more"),
        ("expires", "7", "Choose when the token expires."),
        ("date", "2023-11-14", "Choose a date from 2023-11-15 on."),
        ("date", "tomorrow", "Enter a date such as 2023-11-15."),
    ] {
        let nonce = world.nonce("/new").await;
        let mut sent = vec![("action", "create"), ("nonce", nonce.as_str())];
        sent.extend(valid.map(|(name, usual)| match (name, field) {
            (name, field) if name == field => (name, value),
            ("expires", "date") => ("expires", "date"),
            _ => (name, usual),
        }));
        let page = world.post(ALICE, "", &sent).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert!(page.has(error), "{field} {value}");
        assert!(page.title().starts_with("Error: "), "{field} {value}");
        assert!(page.has("<h2 tabindex=\"-1\" autofocus>The token was not created</h2>"));
        assert!(page.has("aria-invalid=\"true\""));
        let scope = if field == "scope" { "" } else { "value=\"guests:edit\" checked" };
        assert!(page.has(scope), "{field} {value}");
        if field != "name" {
            assert_eq!(page.field("name"), "new");
        }
        assert_eq!(page.field("nonce"), nonce, "the same form");
    }
    assert_eq!(world.names().await, ["taken"]);
}

#[tokio::test]
async fn a_form_without_a_scope_keeps_the_rest() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    let sent =
        [("action", "create"), ("nonce", nonce.as_str()), ("name", "new"), ("expires", "30")];
    let page = world.post(ALICE, "", &sent).await;
    assert_eq!(page.status, 422);
    assert!(page.has("<a href=\"#dk-scope-0\">Choose at least one permission.</a>"));
    assert!(page.has("value=\"new\"") && page.has("value=\"30\" checked"));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_creates_one_token() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    let first = world.post(ALICE, "", &fields(&nonce, "once")).await;
    let again = world.post(ALICE, "", &fields(&nonce, "once")).await;
    assert_eq!(again.status, 200);
    assert_eq!((world.names().await.len(), again.token()), (1, None));
    assert!(again.has("Token already created") && again.has("Replace the token"));
    assert!(again.has("<bdi>once</bdi>"));

    let (replace, token) = (again.field("nonce"), again.field("token"));
    let sent = [("action", "replace"), ("nonce", replace.as_str()), ("token", token.as_str())];
    let replaced = world.post(ALICE, "", &sent).await;
    assert!(replaced.token().is_some());
    assert_ne!(replaced.token(), first.token());
    assert_eq!(world.names().await, ["once"], "the first token is removed");

    let twice = world.post(ALICE, "", &sent).await;
    assert_eq!((twice.status.as_u16(), twice.token()), (200, None));
    assert!(twice.has("Token already created"));
    assert_eq!(world.names().await, ["once"]);
}

#[tokio::test]
async fn a_used_token_is_not_replaced() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    world.post(ALICE, "", &fields(&nonce, "once")).await;
    let again = world.post(ALICE, "", &fields(&nonce, "once")).await;
    let (nonce, token) = (again.field("nonce"), again.field("token"));
    world.used(id(&world).await, world.fixture.clock.now()).await;
    let sent = [("action", "replace"), ("nonce", nonce.as_str()), ("token", token.as_str())];
    let page = world.post(ALICE, "", &sent).await;
    assert!(page.has("It is in use.") && page.token().is_none());
}

#[tokio::test]
async fn a_form_that_was_open_for_a_day_is_shown_again() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    world.fixture.clock.advance(2 * DAY);
    for nonce in [nonce.as_str(), "", "not a nonce"] {
        let page = world.post(ALICE, "", &fields(nonce, "late")).await;
        assert_eq!(page.status, 422);
        assert!(page.has("The form was open for too long."));
        assert_eq!(page.field("name"), "late");
        let sent = page.field("nonce");
        let name = format!("late {}", world.names().await.len());
        let page = world.post(ALICE, "", &fields(&sent, &name)).await;
        assert!(page.token().is_some(), "the form that is shown again works");
    }
}

#[tokio::test]
async fn no_form_is_shown_where_there_is_no_room() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    for number in 0..100 {
        world.issue(&number.to_string()).await;
    }
    let page = world.get(ALICE, "/new").await;
    assert!(page.has("100 of 100 tokens") && page.has("no room for another token"));
    assert!(!page.has("<form"));
    let page = world.post(ALICE, "", &fields(&nonce, "another")).await;
    assert_eq!(page.status, 422);
    assert!(page.has("Your organization has 100 tokens."));
}

#[tokio::test]
async fn lifetimes_above_the_maximum_are_not_offered() {
    let fixture = dualkey_testing::Fixture::new();
    let registry = fixture.registry.with_max_lifetime(60 * DAY);
    let console = dualkey_console::Console::builder(registry, access).build();
    let app = axum::Router::new().nest(BASE, console.into_router());
    let world = World { fixture: dualkey_testing::Fixture::new(), app };
    let page = world.get(ALICE, "/new").await;
    assert!(page.has("value=\"60\" checked") && page.has("max=\"2024-01-13\""));
    for absent in ["name=\"expires\" value=\"90\"", "value=\"365\"", "value=\"never\""] {
        assert!(!page.has(absent), "{absent}");
    }
    let nonce = page.field("nonce");
    let late = [
        ("action", "create"),
        ("nonce", nonce.as_str()),
        ("name", "late"),
        ("scope", "guests:read"),
        ("expires", "date"),
        ("date", "2024-01-14"),
    ];
    let page = world.post(ALICE, "", &late).await;
    assert_eq!(page.status, 422);
    assert!(page.has("Choose a date from 2023-11-15 to 2024-01-13."));
    assert_eq!(page.field("date"), "2024-01-14");
}

#[tokio::test]
async fn a_store_that_is_away_leaves_nothing_half_done() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    world.store().set_fault(Fault::Error);
    let page = world.post(ALICE, "", &fields(&nonce, "later")).await;
    assert_eq!((page.status.as_u16(), &page.headers["retry-after"]), (503, &"5".parse().unwrap()));
    assert!(page.has("The tokens cannot be reached.") && page.has("Try again"));
    assert_eq!((page.field("name").as_str(), page.field("nonce")), ("later", nonce.clone()));
    for path in ["", "/new", "/audit"] {
        assert_eq!(world.get(ALICE, path).await.status, 503, "{path}");
    }
    world.store().set_fault(Fault::None);
    assert!(world.names().await.is_empty());
    assert!(world.post(ALICE, "", &fields(&nonce, "later")).await.token().is_some());
}
