//! An optional rule lets a request without both fields pass, and verifies every other one.

use crate::support::*;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use dualkey_tower::{Grant, GuardedRouter, RouteTable};
use http::{Method, Request, Response};
use pollster::block_on;
use tower::{Layer as _, ServiceExt as _};

async fn caller(grant: Option<Grant>) -> String {
    grant.map_or("anonymous".to_owned(), |grant| grant.organization.to_string())
}

/// The same route, declared in each way.
fn apps(fixture: &Fixture) -> [Router; 3] {
    let (gate, reads) = (&fixture.gate, || fixture.reads());
    let plain = || Router::new().route("/reservations", get(caller));
    let table = RouteTable::new(gate.clone()).optional(Method::GET, "/reservations", reads());
    [
        plain().layer(gate.optional(reads())),
        GuardedRouter::new(gate.clone())
            .optional(Method::GET, "/reservations", reads(), caller)
            .into_router(),
        Router::new().fallback_service(table.layer(plain())),
    ]
}

fn send(app: &Router, request: Request<Body>) -> Response<Bytes> {
    whole(block_on(app.clone().oneshot(request)).unwrap())
}

fn anonymous() -> Request<Body> {
    Request::get("/reservations").body(Body::default()).unwrap()
}

#[test]
fn a_request_without_both_fields_passes_without_a_grant() {
    let fixture = Fixture::new();
    let lookups = fixture.lookups();
    for app in apps(&fixture) {
        for _ in 0..20 {
            let answer = send(&app, anonymous());
            assert_eq!((answer.status().as_u16(), &*outcome(&answer)), (200, "anonymous"));
            assert_eq!(rate_limit(&answer), [None, None], "anonymous requests are not limited");
        }
    }
    assert_eq!(fixture.lookups(), lookups);
}

#[test]
fn a_request_with_credentials_is_decided_as_elsewhere() {
    let fixture = Fixture::new();
    let guests = fixture.issue("guests:read", None);
    for (app, left) in apps(&fixture).into_iter().zip([9, 7, 5]) {
        let answer = send(&app, fixture.request());
        assert_eq!((&*outcome(&answer), remaining(&answer, "burst").unwrap().0), ("acme", left));
        let without_scope = fixture.request_with(guests.secret.expose_secret());
        assert_eq!(outcome(&send(&app, without_scope)), "scope_insufficient");
    }
}

#[test]
fn any_value_of_a_field_is_verified() {
    let fixture = Fixture::new();
    for app in apps(&fixture) {
        for (name, value, code) in [
            ("authorization", "", "api_key_missing"),
            ("authorization", "Basic YTpi", "api_key_missing"),
            ("x-api-key", "", "api_key_missing"),
            ("x-api-key", "partner-key-1", "token_missing"),
            ("x-api-key", "unknown-key-1", "api_key_invalid"),
        ] {
            let mut request = anonymous();
            set(&mut request, name, value);
            assert_eq!(outcome(&send(&app, request)), code, "{name}: {value}");
        }
        let mut both = anonymous();
        set(&mut both, "x-api-key", "partner-key-1");
        set(&mut both, "authorization", "Basic YTpi");
        assert_eq!(outcome(&send(&app, both)), "token_missing");
        fixture.clock.advance(std::time::Duration::from_secs(2));
    }
}

#[test]
fn an_optional_grant_without_a_guard_is_a_missing_grant() {
    let fixture = Fixture::new();
    let bare = Router::new().route("/reservations", get(caller));
    assert_eq!(send(&bare, anonymous()).status(), 500);
    let public = GuardedRouter::new(fixture.gate.clone())
        .public(Method::GET, "/reservations", caller)
        .into_router();
    assert_eq!(send(&public, anonymous()).status(), 500);
}

#[test]
fn a_required_grant_on_an_optional_route_fails() {
    let fixture = Fixture::new();
    let app = Router::new()
        .route("/reservations", get(async |grant: Grant| grant.organization.to_string()))
        .layer(fixture.gate.optional(fixture.reads()));
    assert_eq!(send(&app, anonymous()).status(), 500);
    assert_eq!(outcome(&send(&app, fixture.request())), "acme");
}

#[test]
fn an_optional_guard_passes_nothing_through_a_required_one() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_credentials_stripped();
    let (gate, reads) = (&fixture.gate, || fixture.reads());
    let route = || Router::new().route("/reservations", get(caller));
    let inside = route().layer(gate.require(reads())).layer(gate.optional(reads()));
    assert_eq!(outcome(&send(&inside, anonymous())), "api_key_missing");
    assert_eq!(outcome(&send(&inside, fixture.request())), "acme");
    let outside = route().layer(gate.optional(reads())).layer(gate.require(reads()));
    assert_eq!(outcome(&send(&outside, anonymous())), "api_key_missing");
    assert_eq!(outcome(&send(&outside, fixture.request())), "acme");
}
