//! `RouteTable`: every route is closed unless it is declared, however it got into the router.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

mod support;

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, delete, get};
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::{Grant, RouteTable};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use pollster::block_on;
use support::*;
use tower::ServiceExt as _;

async fn guest(Path(id): Path<String>, grant: Grant) -> String {
    format!("guest {id} of {}", grant.organization)
}

/// The routes under test, which are served at their own paths or nested below others.
fn routes() -> Router {
    Router::new()
        .route("/healthz", get(async || "healthy"))
        .route("/guests/{id}", get(guest).post(guest).delete(guest))
        .route("/forgotten", any(async || "this handler is never called"))
}

/// `/healthz` is public, reading guests requires a scope, and deleting them any good token.
fn table(fixture: &Fixture, prefix: &str) -> RouteTable {
    let at = |path: &str| format!("{prefix}{path}");
    RouteTable::for_matched_paths(fixture.gate.clone())
        .public(Method::GET, &at("/healthz"))
        .require(Method::GET, &at("/guests/{id}"), fixture.reads())
        .require(Method::DELETE, &at("/guests/{id}"), Requirement::NONE)
}

fn send(app: &Router, request: Request<Body>) -> Response<Bytes> {
    whole(block_on(app.clone().oneshot(request)).unwrap())
}

fn good(fixture: &Fixture, method: Method, path: &str) -> Request<Body> {
    let mut request = fixture.request();
    (*request.method_mut(), *request.uri_mut()) = (method, path.parse().unwrap());
    request
}

fn bare(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::default()).unwrap()
}

#[track_caller]
fn assert_closed(answer: &Response<Bytes>) {
    assert_eq!((answer.status().as_u16(), &*outcome(answer)), (403, "scope_insufficient"));
}

#[test]
fn a_declared_route_serves_requests_that_meet_its_requirement() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    let answer = send(&app, good(&fixture, Method::GET, "/guests/7"));
    assert_eq!((answer.status().as_u16(), &*outcome(&answer)), (200, "guest 7 of acme"));
    assert!(rate_limit(&answer)[1].is_some());
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/guests/7"))), "api_key_missing");

    let guests = fixture.issue("guests:read", None);
    let mut request = good(&fixture, Method::GET, "/guests/7");
    let token = format!("Bearer {}", guests.secret.expose_secret());
    request.headers_mut().insert(AUTHORIZATION, token.parse().unwrap());
    let answer = send(&app, request);
    assert_closed(&answer);
    assert_eq!(problem(&answer)["required"], serde_json::json!(["reservations:read"]));
}

#[test]
fn a_public_route_reads_no_credentials() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    let lookups = fixture.lookups();
    let mut odd = bare(Method::GET, "/healthz");
    odd.headers_mut().append(AUTHORIZATION, "Bearer a, b".parse().unwrap());
    odd.headers_mut().append(AUTHORIZATION, "Bearer".parse().unwrap());
    for request in [bare(Method::GET, "/healthz"), good(&fixture, Method::GET, "/healthz"), odd] {
        let answer = send(&app, request);
        assert_eq!((answer.status().as_u16(), &*outcome(&answer)), (200, "healthy"));
        assert_eq!(rate_limit(&answer), [None, None]);
    }
    assert_eq!(fixture.lookups(), lookups);
}

#[test]
fn an_undeclared_route_is_closed_to_good_tokens_too() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    assert_closed(&send(&app, good(&fixture, Method::GET, "/forgotten")));
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/forgotten"))), "api_key_missing");
}

/// A scope has at least one character (RFC 6749 §3.3), so a closed route names none.
#[test]
fn the_challenge_of_a_closed_route_names_no_scope() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    let answer = send(&app, good(&fixture, Method::GET, "/forgotten"));
    let challenge = r#"Bearer realm="api", error="insufficient_scope""#;
    assert_eq!(field(&answer, "www-authenticate"), Some(challenge));
}

#[test]
fn the_log_names_an_undeclared_route_as_the_router_does() {
    let fixture = Fixture::new();
    let app = routes().route_layer(RouteTable::for_matched_paths(fixture.gate.clone()));
    let (log, _guard) = Log::start();
    send(&app, good(&fixture, Method::GET, "/guests/personal-data?of=ada"));
    let line = log.line("no requirement is declared for this route");
    assert!(line.contains("WARN") && line.contains("/guests/{id}"), "{line}");
    assert!(!line.contains("personal-data") && !line.contains("ada"), "{line}");
}

#[test]
fn an_empty_table_closes_everything() {
    let fixture = Fixture::new();
    let app = routes().route_layer(RouteTable::for_matched_paths(fixture.gate.clone()));
    for path in ["/healthz", "/guests/7", "/forgotten"] {
        assert_closed(&send(&app, good(&fixture, Method::GET, path)));
    }
}

#[track_caller]
fn assert_allows(answer: &Response<Bytes>, methods: &str) {
    assert_eq!((answer.status().as_u16(), &**answer.body()), (405, &b""[..]));
    assert_eq!(field(answer, "allow"), Some(methods));
    assert_eq!(rate_limit(answer), [None, None]);
}

#[test]
fn a_declaration_opens_one_method_and_others_get_allow() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    assert_eq!(send(&app, good(&fixture, Method::DELETE, "/guests/7")).status(), 200);
    for method in [Method::POST, Method::PUT, Method::OPTIONS, "get".parse().unwrap()] {
        assert_allows(
            &send(&app, good(&fixture, method.clone(), "/guests/7")),
            "GET, DELETE, HEAD",
        );
        assert_allows(&send(&app, bare(method, "/guests/7")), "GET, DELETE, HEAD");
    }
}

#[test]
fn a_handler_of_any_method_serves_the_declared_ones() {
    let fixture = Fixture::new();
    let open =
        RouteTable::for_matched_paths(fixture.gate.clone()).public(Method::PUT, "/forgotten");
    let app = routes().route_layer(open);
    assert_eq!(send(&app, bare(Method::PUT, "/forgotten")).status(), 200);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::TRACE] {
        assert_allows(&send(&app, good(&fixture, method, "/forgotten")), "PUT");
    }
}

#[test]
fn a_declared_method_without_a_handler_is_left_to_the_router() {
    let fixture = Fixture::new();
    let table = RouteTable::for_matched_paths(fixture.gate.clone())
        .require(Method::GET, "/guests/{id}", fixture.reads())
        .require(Method::PUT, "/guests/{id}", fixture.reads());
    let app = routes().route_layer(table);
    let answer = send(&app, good(&fixture, Method::PUT, "/guests/7"));
    assert_eq!(
        (answer.status().as_u16(), field(&answer, "allow")),
        (405, Some("GET,HEAD,POST,DELETE"))
    );
    assert!(rate_limit(&answer)[1].is_some(), "the request was charged");
}

#[test]
#[should_panic(expected = "GET /healthz is declared twice")]
fn a_route_cannot_be_declared_twice() {
    let fixture = Fixture::new();
    let _table = table(&fixture, "").require(Method::GET, "/healthz", fixture.reads());
}

#[test]
fn the_declaration_of_get_covers_head_unless_head_has_its_own() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    let answer = send(&app, good(&fixture, Method::HEAD, "/guests/7"));
    assert_eq!((answer.status().as_u16(), &**answer.body()), (200, &b""[..]));
    assert_eq!(send(&app, bare(Method::HEAD, "/healthz")).status(), 200);
    let refused = send(&app, bare(Method::HEAD, "/guests/7"));
    assert_eq!((refused.status().as_u16(), &**refused.body()), (401, &b""[..]));
    assert_eq!(refused.headers(), send(&app, bare(Method::GET, "/guests/7")).headers());

    let table = RouteTable::for_matched_paths(fixture.gate.clone())
        .public(Method::HEAD, "/guests/{id}")
        .require(Method::GET, "/guests/{id}", fixture.reads());
    let app = Router::new().route("/guests/{id}", get(async || "a guest")).route_layer(table);
    assert_eq!(send(&app, bare(Method::HEAD, "/guests/7")).status(), 200);
    assert_eq!(send(&app, bare(Method::GET, "/guests/7")).status(), 401);
}

#[test]
fn head_does_not_open_get() {
    let fixture = Fixture::new();
    let table =
        RouteTable::for_matched_paths(fixture.gate.clone()).public(Method::HEAD, "/forgotten");
    let app = routes().route_layer(table);
    assert_eq!(send(&app, bare(Method::HEAD, "/forgotten")).status(), 200);
    assert_allows(&send(&app, good(&fixture, Method::GET, "/forgotten")), "HEAD");
}

#[test]
fn routes_are_looked_up_by_the_path_in_the_router() {
    let fixture = Fixture::new();
    let table = RouteTable::for_matched_paths(fixture.gate.clone())
        .public(Method::GET, "/guests/{guest}")
        .public(Method::GET, "/guests/7");
    let app = routes().route_layer(table);
    for path in ["/guests/7", "/guests/{guest}", "/guests/%7bid%7d"] {
        assert_closed(&send(&app, good(&fixture, Method::GET, path)));
    }
}

#[test]
fn path_parameters_reach_the_handler_and_change_nothing() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, ""));
    for (path, id) in [("%2e%2e%2fhealthz", "../healthz"), ("caf%C3%A9", "caf\u{e9}"), ("a?b", "a")]
    {
        let path = format!("/guests/{path}");
        let answer = send(&app, good(&fixture, Method::GET, &path));
        assert_eq!(outcome(&answer), format!("guest {id} of acme"));
        assert_eq!(send(&app, bare(Method::GET, &path)).status(), 401);
    }
    for path in ["/guests/", "/guests", "/guests/7/", "//healthz", "/healthz/"] {
        assert_eq!(send(&app, good(&fixture, Method::GET, path)).status(), 404, "{path}");
    }
}

#[track_caller]
fn assert_served_below(prefix: &str, fixture: &Fixture, app: &Router) {
    let at = |path: &str| format!("{prefix}{path}");
    let answer = send(app, good(fixture, Method::GET, &at("/guests/7")));
    assert_eq!(outcome(&answer), "guest 7 of acme");
    assert_eq!(send(app, bare(Method::GET, &at("/healthz"))).status(), 200);
    assert_eq!(send(app, bare(Method::GET, &at("/guests/7"))).status(), 401);
    assert_closed(&send(app, good(fixture, Method::GET, &at("/forgotten"))));
}

#[test]
fn nested_and_merged_routes_are_looked_up_by_their_whole_path() {
    let fixture = Fixture::new();
    let nested = Router::new().nest("/v1", routes()).route_layer(table(&fixture, "/v1"));
    assert_served_below("/v1", &fixture, &nested);
    let own_table = Router::new().nest("/v1", routes().route_layer(table(&fixture, "/v1")));
    assert_served_below("/v1", &fixture, &own_table);
    let deep = Router::new().nest("/a/{b}", Router::new().nest("/c", routes()));
    let app = deep.route_layer(
        RouteTable::for_matched_paths(fixture.gate.clone()).public(Method::GET, "/a/{b}/c/healthz"),
    );
    assert_eq!(send(&app, bare(Method::GET, "/a/x/c/healthz")).status(), 200);
    let merged = Router::new().merge(routes()).route_layer(table(&fixture, ""));
    assert_served_below("", &fixture, &merged);
}

#[test]
fn a_table_with_the_paths_before_nesting_opens_nothing() {
    let fixture = Fixture::new();
    let app = Router::new().nest("/v1", routes().route_layer(table(&fixture, "")));
    for path in ["/v1/healthz", "/v1/guests/7"] {
        assert_closed(&send(&app, good(&fixture, Method::GET, path)));
    }
}

#[test]
fn a_nested_service_is_closed_unless_it_has_its_own_table() {
    let fixture = Fixture::new();
    let app = Router::new().nest_service("/v1", routes()).route_layer(table(&fixture, "/v1"));
    for path in ["/v1/healthz", "/v1/guests/7", "/v1/anything"] {
        assert_closed(&send(&app, good(&fixture, Method::GET, path)));
    }
    let inner = routes().route_layer(table(&fixture, "/v1"));
    assert_served_below("/v1", &fixture, &Router::new().nest_service("/v1", inner));
}

#[test]
fn a_handler_outside_of_the_table_fails_and_is_logged() {
    let fixture = Fixture::new();
    let app = routes().route_layer(table(&fixture, "")).route("/late", delete(late));
    let (log, _guard) = Log::start();
    let answer = send(&app, good(&fixture, Method::DELETE, "/late?access_token=secret"));
    assert_eq!((answer.status().as_u16(), &**answer.body()), (500, &b""[..]));
    let line = log.line("no Gate guards its route");
    assert!(line.contains("ERROR") && line.contains("DELETE") && line.contains("/late"), "{line}");
    let text = log.text();
    assert!(!text.contains("secret") && !text.contains(fixture.secret()), "{text}");
}

async fn late(_: Grant) {}

#[test]
fn a_handler_on_a_public_route_gets_no_grant() {
    let fixture = Fixture::new();
    let table = RouteTable::for_matched_paths(fixture.gate.clone()).public(Method::DELETE, "/late");
    let app = Router::new().route("/late", delete(late)).route_layer(table);
    assert_eq!(send(&app, good(&fixture, Method::DELETE, "/late")).status(), 500);
}
