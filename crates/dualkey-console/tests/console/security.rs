//! Who sees and changes what, and what every response has.

use crate::support::{ALICE, Answer, BASE, BOB, MALLORY, SIGNED_OUT, World, access, form, send};
use axum::Router;
use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Redirect};
use dualkey_console::{Console, TokenChange};
use dualkey_testing::{Fault, Fixture};
use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderName, HeaderValue, Request};

const POLICY: &str = "base-uri 'none'; default-src 'none'; form-action 'self'; \
                      frame-ancestors 'none'; script-src 'self'; style-src 'self'";

fn assert_protected(answer: &Answer, context: &str) {
    for (field, value) in [
        ("content-security-policy", POLICY),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.headers[field], value, "{field} of {context}");
    }
    for inline in ["<style", " style=", "onclick", "javascript:", "http://", "https://"] {
        assert!(!answer.has(inline), "{inline} in {context}");
    }
    let scripts = answer.body.matches("<script").count();
    assert_eq!(scripts, answer.body.matches("<script src=\"").count(), "{context}");
}

#[tokio::test]
async fn every_response_has_the_fields_of_security() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let (token, rotation, removal) =
        (format!("/{id}"), format!("/{id}/rotate"), format!("/{id}/remove"));
    let paths = ["", "/new", "/audit", &token, &rotation, &removal, "/unknown", "/a/b/c"];
    for visitor in [ALICE, BOB, MALLORY, SIGNED_OUT] {
        for path in paths {
            assert_protected(&world.get(visitor, path).await, &format!("GET {path} by {visitor}"));
            let answer = world.post(visitor, path, &[("name", "")]).await;
            assert_protected(&answer, &format!("POST {path} by {visitor}"));
        }
    }
    let id = world.issue("another").await.record.id;
    world.store().set_fault(Fault::Error);
    assert_protected(&world.get(ALICE, "").await, "a store that is away");
    assert_protected(
        &world.post(ALICE, &format!("/{id}"), &[("name", "b")]).await,
        "the same, POST",
    );
}

#[tokio::test]
async fn assets_are_kept_and_named_by_their_content() {
    let world = World::new();
    let page = world.get(ALICE, "").await;
    for (before, content_type) in [
        ("<link rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("<script src=\"", "text/javascript; charset=utf-8"),
    ] {
        let url = page.body.split(before).nth(1).unwrap().split('"').next().unwrap();
        let asset = world.get(SIGNED_OUT, url.strip_prefix(BASE).unwrap()).await;
        assert_eq!(
            (asset.status.as_u16(), &asset.headers["content-type"]),
            (200, &HeaderValue::from_static(content_type))
        );
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(asset.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let url = format!("{BASE}/{id}/remove");
    for (field, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.test"),
        ("origin", "null"),
    ] {
        let mut request = form(&url, ALICE, &[]);
        let field = HeaderName::from_static(field);
        request.headers_mut().insert(field, HeaderValue::from_static(value));
        let answer = send(&world.app, request).await;
        assert_eq!(answer.status, 403, "{value}");
        assert!(answer.has("The form was sent from another site. Nothing was changed."), "{value}");
        assert_protected(&answer, value);
    }
    assert_eq!(world.names().await, ["Zapier"]);
}

#[tokio::test]
async fn forms_work_at_a_plain_http_name_that_is_not_loopback() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let mut request = form(&format!("{BASE}/{id}/remove"), ALICE, &[]);
    request.headers_mut().insert(HOST, HeaderValue::from_static("intranet:8080"));
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static("http://intranet:8080"));
    assert_eq!(send(&world.app, request).await.status, 303);
}

#[tokio::test]
async fn organizations_do_not_see_each_others_tokens() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    assert!(!world.get(MALLORY, "").await.has("Zapier"));
    assert!(!world.get(MALLORY, "/audit").await.has("Zapier"));
    let id_text = id.to_string();
    let nonce = world.get(MALLORY, "/new").await.field("nonce");
    for path in [format!("/{id}"), format!("/{id}/rotate"), format!("/{id}/remove")] {
        assert_eq!(world.get(MALLORY, &path).await.status, 404, "{path}");
    }
    let rotation = [("action", "rotate"), ("nonce", &nonce), ("token", &id_text), ("overlap", "0")];
    let replacement = [("action", "replace"), ("nonce", nonce.as_str()), ("token", &id_text)];
    for (path, fields) in [
        (String::new(), &rotation[..]),
        (String::new(), &replacement),
        (format!("/{id}"), &[("name", "mine")]),
        (format!("/{id}/remove"), &[]),
    ] {
        let answer = world.post(MALLORY, &path, fields).await;
        assert_eq!(answer.status, 404, "{path} {fields:?}");
        assert!(answer.has("Your organization has no such token."));
    }
    assert!(!world.get(MALLORY, &format!("?removed={id}")).await.has("dk-notice"));
    let tokens = world.fixture.registry.tokens(&"acme".into()).await.unwrap();
    assert_eq!((tokens.len(), tokens[0].name.as_str(), tokens[0].id), (1, "Zapier", id));
}

#[tokio::test]
async fn a_visitor_who_may_not_edit_changes_nothing() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let (nonce, id_text) = (world.nonce("/new").await, id.to_string());
    let create = [
        ("action", "create"),
        ("nonce", nonce.as_str()),
        ("name", "mine"),
        ("scope", "guests:read"),
    ];
    let rotate =
        [("action", "rotate"), ("nonce", nonce.as_str()), ("token", &id_text), ("overlap", "0")];
    for (path, fields) in [
        (String::new(), &create[..]),
        (String::new(), &rotate),
        (format!("/{id}"), &[("name", "mine")]),
        (format!("/{id}/remove"), &[]),
    ] {
        let answer = world.post(BOB, &path, fields).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.has("but not change them. Nothing was changed."));
    }
    for path in ["/new".to_owned(), format!("/{id}/rotate"), format!("/{id}/remove")] {
        assert_eq!(world.get(BOB, &path).await.status, 403, "{path}");
    }
    let tokens = world.fixture.registry.tokens(&"acme".into()).await.unwrap();
    assert_eq!((tokens.len(), tokens[0].name.as_str(), tokens[0].replaced_by), (1, "Zapier", None));
}

#[tokio::test]
async fn a_session_that_ended_mints_nothing_and_the_form_comes_back() {
    let world = World::new();
    let nonce = world.nonce("/new").await;
    let sent = [
        ("action", "create"),
        ("nonce", nonce.as_str()),
        ("name", "Zapier & co"),
        ("scope", "guests:read"),
        ("scope", "guests:edit"),
        ("expires", "30"),
    ];
    let page = world.post(SIGNED_OUT, "", &sent).await;
    assert_eq!((page.status.as_u16(), page.title()), (401, "Signed out · API Access"));
    assert_eq!(page.headers["set-cookie"], "gone=1");
    assert!(page.has("<h1 tabindex=\"-1\" autofocus>Signed out</h1>"));
    let back = page.body.split("dk-primary\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!back.contains(&nonce));
    let back = back.replace("&amp;", "&");
    let form = world.get(ALICE, back.strip_prefix(BASE).unwrap()).await;
    assert_eq!(form.field("name"), "Zapier &amp; co");
    for checked in ["guests:read", "guests:edit", "30"] {
        assert!(form.has(&format!("value=\"{checked}\" checked")), "{checked}");
    }
    assert_ne!(form.field("nonce"), nonce);
    assert!(world.names().await.is_empty());
    assert_eq!(world.get(SIGNED_OUT, "").await.location(), "/sign-in");
}

#[tokio::test]
async fn the_hook_is_asked_before_each_change() {
    let world = World::with(|console| {
        console.reauthenticate(async |parts, change| {
            let confirmed = parts.headers.get("x-confirmed").is_some();
            let refused = change != TokenChange::Rotate && !confirmed;
            if refused { Err(Redirect::to("/confirm").into_response()) } else { Ok(()) }
        })
    });
    let id = world.issue("Zapier").await.record.id;
    assert_eq!(world.get(ALICE, "/new").await.location(), "/confirm");
    assert_eq!(world.get(ALICE, &format!("/{id}/remove")).await.location(), "/confirm");
    assert_eq!(world.get(ALICE, &format!("/{id}/rotate")).await.status, 200);
    let page = world.post(ALICE, "", &[("action", "create"), ("name", "new")]).await;
    assert_eq!(page.status, 401);
    assert!(page.has(&format!("href=\"{BASE}/new?name=new\"")));
    let page = world.post(ALICE, &format!("/{id}/remove"), &[]).await;
    assert!(page.has("Confirm that it is you") && page.has(&format!("{BASE}/{id}/remove\"")));
    assert_eq!(world.names().await, ["Zapier"]);
    let mut confirmed = form(&format!("{BASE}/{id}/remove"), ALICE, &[]);
    confirmed.headers_mut().insert("x-confirmed", HeaderValue::from_static("yes"));
    assert_eq!(send(&world.app, confirmed).await.status, 303);
}

#[tokio::test]
async fn a_console_is_nested_at_any_path() {
    let world = World::new();
    let id = world.issue("Zapier").await.record.id;
    let console = || Console::builder(world.fixture.registry.clone(), access).build().into_router();
    let app = Router::new().nest("/a", console()).nest("/organizations/{name}/b", console());
    for base in ["/a", "/organizations/acme%20co/b"] {
        let get = |path: &str| {
            let request = Request::get(format!("{base}{path}")).header(COOKIE, ALICE);
            request.body(Body::empty()).unwrap()
        };
        let list = send(&app, get("")).await;
        assert_eq!(list.status, 200, "{base}");
        assert!(list.has(&format!("href=\"{base}/{id}\"")), "{base}");
        assert!(list.has(&format!("href=\"{base}/assets/console-")), "{base}");
        assert_eq!(send(&app, get(&format!("/{id}"))).await.status, 200, "{base}");
        let removed = send(
            &app,
            form(&format!("{base}/00000000-0000-7000-8000-000000000000"), ALICE, &[("name", "x")]),
        )
        .await;
        assert_eq!(removed.status, 404, "{base}");
    }
    let request = Request::get("/").header(COOKIE, ALICE).body(Body::empty()).unwrap();
    let alone = send(&console(), request).await;
    assert!(alone.has(&format!("href=\"/{id}\"")));
}

#[tokio::test]
async fn a_base_path_replaces_the_path_of_the_request() {
    let world = World::with(|console| console.base_path("/behind/a/proxy/"));
    let page = world.get(ALICE, "/new").await;
    assert!(page.has("action=\"/behind/a/proxy\"") && !page.has(BASE));
}

#[tokio::test]
async fn the_frame_of_the_program_surrounds_the_content() {
    let world = World::with(|console| {
        console
            .frame(|page| {
                let actor = page.actor.as_deref().unwrap_or("none");
                format!(
                    "<head>{}<title>{}</title></head><nav>{actor}</nav>{}",
                    page.head, page.title, page.body
                )
            })
            .content_security_policy("img-src", "'self'")
            .form_action("https://id.test")
    });
    let page = world.get(ALICE, "").await;
    assert!(page.has("<nav>alice</nav><div class=\"dk\">"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("img-src 'self';")
            && policy.contains("form-action 'self' https://id.test;")
    );
}

#[tokio::test]
async fn a_response_of_the_program_is_passed_on() {
    let world = World::new();
    let refuse = async |_| Err((http::StatusCode::FORBIDDEN, Html("ask an owner")).into_response());
    let console = Console::builder(world.fixture.registry.clone(), refuse).build().into_router();
    let app = Router::new().nest(BASE, console);
    for request in [
        Request::get(BASE).body(Body::empty()).unwrap(),
        form(BASE, ALICE, &[("action", "create")]),
    ] {
        let answer = send(&app, request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (403, "ask an owner"));
        assert_protected(&answer, "a response of the program");
    }
}

#[tokio::test]
async fn ids_and_forms_that_are_malformed_are_client_errors() {
    let world = World::new();
    for path in ["/x", "/%2Fevil.test/remove", "/%FF", "/x/rotate", "/%E2%80%AE/remove"] {
        for answer in
            [world.get(ALICE, path).await, world.post(ALICE, path, &[("name", "a")]).await]
        {
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        }
        let signed_out = world.post(SIGNED_OUT, path, &[("name", "a")]).await;
        assert!(!signed_out.has("href=\"//") && !signed_out.has("evil"), "{path}");
    }
    let mut request = form(BASE, ALICE, &[("action", "create")]);
    *request.body_mut() = Body::from("a".repeat(100_000));
    assert!(send(&world.app, request).await.status.is_client_error());
}

#[tokio::test]
async fn a_redirect_to_an_origin_of_the_policy_is_passed_on() {
    let console = |origin: &str| {
        let world = Fixture::new();
        let away = async |_| Err(Redirect::to("https://id.test/sign-in").into_response());
        let builder = Console::builder(world.registry, away);
        builder.form_action(origin).build().into_router()
    };
    for (origin, status) in
        [("https://id.test/", 303), ("https://id.te", 401), ("https://other.test", 401)]
    {
        let answer = send(&console(origin), form("/", ALICE, &[("action", "create")])).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}
