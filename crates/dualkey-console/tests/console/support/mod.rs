//! A console on a fixture, and requests to it without a browser.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect, Response};
use dualkey_console::{Console, ConsoleBuilder, Visitor};
use dualkey_limit::Timestamp;
use dualkey_store::{IssuedToken, NewToken, TokenId, TokenUse};
use dualkey_testing::Fixture;
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// Where the console is nested.
pub(crate) const BASE: &str = "/settings/api-access";

/// Alice may edit, Bob may not, and Mallory is of another organization. Others have to sign in.
pub(crate) const ALICE: &str = "alice";
pub(crate) const BOB: &str = "bob";
pub(crate) const MALLORY: &str = "mallory";
pub(crate) const SIGNED_OUT: &str = "";

pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) app: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) async fn access(parts: Parts) -> Result<Visitor, Response> {
    let cookie = parts.headers.get(COOKIE).map_or("", |value| value.to_str().unwrap());
    let visitor = |organization: &str, may_edit| Visitor {
        actor: cookie.to_owned(),
        organization: organization.into(),
        may_edit,
    };
    match cookie {
        ALICE => Ok(visitor("acme", true)),
        BOB => Ok(visitor("acme", false)),
        MALLORY => Ok(visitor("other", true)),
        _ => Err(([(SET_COOKIE, "gone=1")], Redirect::to("/sign-in")).into_response()),
    }
}

impl World {
    /// An organization without a token.
    pub(crate) fn new() -> Self {
        Self::with(|console| console)
    }

    pub(crate) fn with(options: impl FnOnce(ConsoleBuilder) -> ConsoleBuilder) -> Self {
        let fixture = Fixture::new();
        let acme = "acme".into();
        let revoked = fixture.registry.revoke_token(&acme, &fixture.issued.record.id);
        pollster::block_on(revoked).unwrap();
        let builder = Console::builder(fixture.registry.clone(), access);
        let console = options(builder).build().into_router();
        Self { app: Router::new().nest(BASE, console), fixture }
    }

    pub(crate) async fn get(&self, visitor: &str, path: &str) -> Answer {
        let request = Request::get(format!("{BASE}{path}")).header(COOKIE, visitor);
        send(&self.app, request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, visitor: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(&self.app, form(&format!("{BASE}{path}"), visitor, fields)).await
    }

    /// The nonce of a new form for creation.
    pub(crate) async fn nonce(&self, path: &str) -> String {
        self.get(ALICE, path).await.field("nonce")
    }

    pub(crate) async fn issue(&self, name: &str) -> IssuedToken {
        self.issue_with(NewToken::new("acme", name, ["guests:read"])).await
    }

    pub(crate) async fn issue_with(&self, token: NewToken) -> IssuedToken {
        self.fixture.registry.issue_token(token).await.unwrap()
    }

    /// Records a use of a token by the partner.
    pub(crate) async fn used(&self, token: TokenId, at: Timestamp) {
        let last_by = Some(self.fixture.partner.id);
        let uses = TokenUse { token, first_at: at, last_at: at, last_by };
        let now = self.fixture.registry.clock().now();
        self.fixture.registry.store().record_uses(&[uses], now).await.unwrap();
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let tokens = self.fixture.registry.tokens(&"acme".into()).await.unwrap();
        tokens.into_iter().map(|token| token.name).collect()
    }
}

pub(crate) fn form(url: &str, visitor: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let encoded = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(COOKIE, visitor)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("host", "console.test")
        .header("origin", "http://console.test")
        .body(Body::from(encoded.collect::<Vec<_>>().join("&")))
        .unwrap()
}

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

impl Answer {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    pub(crate) fn title(&self) -> &str {
        between(&self.body, "<title>", "</title>").unwrap()
    }

    /// The value of the first input with this name.
    pub(crate) fn field(&self, name: &str) -> String {
        let input = between(&self.body, &format!("name=\"{name}\""), ">").unwrap();
        between(input, "value=\"", "\"").unwrap().to_owned()
    }

    /// The text of the token that a result shows.
    pub(crate) fn token(&self) -> Option<&str> {
        between(&self.body, "<code id=\"dk-token\" translate=\"no\" dir=\"ltr\">", "</code>")
    }

    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }

    /// The rows of the list or the audit trail.
    pub(crate) fn rows(&self) -> Vec<&str> {
        self.body.split("<tr class=\"dk-row").skip(1).collect()
    }

    /// The word of each row's chip.
    pub(crate) fn chips(&self) -> Vec<&str> {
        self.body.split("</svg>").skip(1).filter_map(|rest| rest.split('<').next()).collect()
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

impl World {
    /// The store, to switch its faults on and off.
    pub(crate) fn store(&self) -> &Arc<dualkey_testing::FaultyStore> {
        &self.fixture.store
    }
}
