//! The pages of those who run the API.

use crate::support::{Answer, form, send};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect, Response};
use dualkey_console::{Operator, Staff};
use dualkey_store::{NewPartner, Partner};
use dualkey_testing::{Fault, Fixture};
use http::Request;
use http::header::{COOKIE, HeaderValue, ORIGIN};
use http::request::Parts;

const BASE: &str = "/operator";
const OLIVIA: &str = "olivia";
const VIEWER: &str = "viewer";

struct Site {
    fixture: Fixture,
    app: Router,
}

async fn access(parts: Parts) -> Result<Staff, Response> {
    let cookie = parts.headers.get(COOKIE).map_or("", |value| value.to_str().unwrap());
    match cookie {
        OLIVIA | VIEWER => Ok(Staff { actor: cookie.to_owned(), may_edit: cookie == OLIVIA }),
        _ => Err(Redirect::to("/sign-in").into_response()),
    }
}

impl Site {
    fn new() -> Self {
        let fixture = Fixture::new();
        let operator = Operator::builder(fixture.gate.verifier().clone(), access).build();
        Self { app: Router::new().nest(BASE, operator.into_router()), fixture }
    }

    async fn get(&self, visitor: &str, path: &str) -> Answer {
        let request = Request::get(format!("{BASE}{path}")).header(COOKIE, visitor);
        send(&self.app, request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, visitor: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(&self.app, form(&format!("{BASE}{path}"), visitor, fields)).await
    }

    fn path(&self, rest: &str) -> String {
        format!("/{}{rest}", self.fixture.partner.id)
    }

    async fn partner(&self) -> Partner {
        self.fixture.registry.partners().await.unwrap().remove(0)
    }
}

const LIMITS: [(&str, &str); 4] =
    [("rate", "2"), ("period", "minute"), ("burst", "20"), ("daily", "500")];

#[tokio::test]
async fn the_list_shows_limits_use_and_what_is_left() {
    let site = Site::new();
    let page = site.get(OLIVIA, "").await;
    assert_eq!((page.status.as_u16(), page.title()), (200, "Partners"));
    assert!(page.has("5 a second, burst 10, 10000 a day") && page.has("No request yet"));
    assert!(page.has("0 of 10000") && page.has("partner-key-1") && page.has("Enabled"));

    let (verifier, guests_read) =
        (site.fixture.gate.verifier(), site.fixture.require("guests:read"));
    verifier.verify(&site.fixture.headers(), &guests_read).await.unwrap();
    verifier.write_behind().await.unwrap();
    let page = site.get(VIEWER, "").await;
    assert!(page.has("9 of 10 at once, 9999 today") && page.has("1 of 10000"));
}

#[tokio::test]
async fn limits_are_changed_by_an_actor() {
    let site = Site::new();
    let changed = site.post(OLIVIA, &site.path("/limits"), &LIMITS).await;
    let url = format!("{BASE}{}?notice=limits", site.path(""));
    assert_eq!((changed.status.as_u16(), changed.location()), (303, url.as_str()));
    assert_eq!(site.partner().await.policy.to_string(), "2 a minute, burst 20, 500 a day");
    let page = site.get(OLIVIA, &site.path("?notice=limits")).await;
    assert!(page.has("The limits were changed.") && page.has("value=\"minute\" selected"));
    let trail = site.get(OLIVIA, "/audit").await;
    assert!(trail.rows()[0].contains("<bdi>olivia</bdi>"));
    assert!(trail.rows()[0].contains("2 a minute, burst 20, 500 a day"));
}

#[tokio::test]
async fn an_empty_quota_removes_it() {
    let site = Site::new();
    let without = [("rate", "2"), ("period", "minute"), ("burst", "20"), ("daily", " ")];
    site.post(OLIVIA, &site.path("/limits"), &without).await;
    assert_eq!(site.partner().await.policy.to_string(), "2 a minute, burst 20");
}

#[tokio::test]
async fn limits_that_are_refused_stay_in_the_form() {
    let site = Site::new();
    for (field, value, error) in [
        ("rate", "0", "Requests: enter a number from 1 on."),
        ("burst", "many", "At once: enter a number from 1 on."),
        ("daily", "-1", "A day: enter a number from 1 on."),
        ("period", "year", "Choose the period of the rate."),
        ("burst", "4294967295", "The limits are out of range"),
    ] {
        let fields = LIMITS.map(|(name, usual)| (name, if name == field { value } else { usual }));
        let page = site.post(OLIVIA, &site.path("/limits"), &fields).await;
        assert_eq!(page.status, 422, "{field}");
        assert!(page.title().starts_with("Error: ") && page.has(error), "{field} {value}");
        assert_eq!(page.field("burst"), fields[2].1, "{field}");
    }
    assert_eq!(site.partner().await.policy, site.fixture.partner.policy);
}

#[tokio::test]
async fn a_partner_is_disabled_and_enabled() {
    let site = Site::new();
    for (enabled, notice) in
        [("false", "The partner is disabled."), ("true", "The partner is enabled.")]
    {
        let changed = site.post(OLIVIA, &site.path("/enabled"), &[("enabled", enabled)]).await;
        assert_eq!(changed.status, 303);
        let page = site.get(OLIVIA, changed.location().strip_prefix(BASE).unwrap()).await;
        assert!(page.has(notice));
        assert_eq!(site.partner().await.enabled, enabled == "true");
    }
    assert!(site.get(OLIVIA, "/audit").await.has("Disabled"));
}

#[tokio::test]
async fn a_viewer_and_a_visitor_without_a_session_change_nothing() {
    let site = Site::new();
    let page = site.get(VIEWER, &site.path("")).await;
    assert!(page.status.is_success() && !page.has("<form"));
    for (path, fields) in [("/limits", &LIMITS[..]), ("/enabled", &[("enabled", "false")])] {
        assert_eq!(site.post(VIEWER, &site.path(path), fields).await.status, 403);
        assert_eq!(site.post("", &site.path(path), fields).await.status, 401);
        let mut foreign = form(&format!("{BASE}{}", site.path(path)), OLIVIA, fields);
        foreign.headers_mut().insert(ORIGIN, HeaderValue::from_static("https://evil.test"));
        assert_eq!(send(&site.app, foreign).await.status, 403);
    }
    assert_eq!(site.partner().await, site.fixture.partner);
    assert_eq!(site.get("", "").await.location(), "/sign-in");
}

#[tokio::test]
async fn responses_are_protected_and_faults_have_a_page() {
    let site = Site::new();
    let script = NewPartner::new("<script>alert(1)</script>");
    site.fixture.registry.register_partner(script).await.unwrap();
    let pages = [("", 200), ("/audit", 200), ("/unknown", 404), ("/a/b/c", 404)];
    for (path, status) in pages {
        let page = site.get(OLIVIA, path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(!page.has("<script>"), "{path}");
        assert_eq!(page.headers["referrer-policy"], "same-origin");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers["cache-control"], "no-store");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    }
    site.fixture.store.set_fault(Fault::Error);
    for path in ["", "/audit", &site.path("")] {
        assert_eq!(site.get(OLIVIA, path).await.status, 503, "{path}");
    }
    assert_eq!(site.post(OLIVIA, &site.path("/limits"), &LIMITS).await.status, 503);
}
