//! `RouteTable` over a service whose routes are exact paths, such as a gRPC server.

use std::convert::Infallible;

use crate::support::*;
use axum::Router;
use axum::routing::{any, get};
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_testing::Fault;
use dualkey_tower::{Denial, Gate, GrpcRefusals, RouteTable};
use http::{HeaderMap, Method, Request, Response};
use pollster::block_on;
use tower::{Layer as _, ServiceExt as _, service_fn};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const LIST: &str = "/example.Guests/List";
const DELETE: &str = "/example.Guests/Delete";

fn table(fixture: &Fixture) -> RouteTable {
    RouteTable::new(fixture.gate.clone())
        .public(Method::POST, HEALTH)
        .require(Method::POST, LIST, fixture.reads())
        .require(Method::POST, DELETE, Requirement::NONE)
}

fn send(table: &RouteTable, request: Request<Body>) -> Response<Bytes> {
    let hello = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    whole(block_on(table.layer(hello).oneshot(request)).unwrap())
}

fn post(mut request: Request<Body>, path: &str) -> Request<Body> {
    (*request.method_mut(), *request.uri_mut()) = (Method::POST, path.parse().unwrap());
    request
}

#[test]
fn each_path_has_its_own_requirement() {
    let fixture = Fixture::new();
    let guests = fixture.issue("guests:read", None);
    let without_scope = || fixture.request_with(guests.secret.expose_secret());
    let table = table(&fixture);
    assert_eq!(outcome(&send(&table, post(fixture.request(), LIST))), "hello");
    assert_eq!(outcome(&send(&table, post(without_scope(), LIST))), "scope_insufficient");
    assert_eq!(outcome(&send(&table, post(without_scope(), DELETE))), "hello");
    assert_eq!(outcome(&send(&table, post(Request::default(), DELETE))), "api_key_missing");
    assert_eq!(outcome(&send(&table, post(Request::default(), HEALTH))), "hello");
}

#[test]
fn the_query_is_no_part_of_the_path() {
    let fixture = Fixture::new();
    let path = format!("{HEALTH}?a=b");
    assert_eq!(outcome(&send(&table(&fixture), post(Request::default(), &path))), "hello");
}

#[test]
fn paths_that_are_not_declared_to_the_byte_are_closed() {
    let fixture = Fixture::new();
    let table = table(&fixture);
    let (slash, lower) = (format!("{HEALTH}/"), HEALTH.to_lowercase());
    for path in ["/", "/example.Guests/Forgotten", "/grpc.health.v1.Health/%43heck", &slash, &lower]
    {
        assert_closed(&fixture, |request| send(&table, request), path);
    }
}

#[track_caller]
fn assert_closed(fixture: &Fixture, send: impl Fn(Request<Body>) -> Response<Bytes>, path: &str) {
    let anonymous = send(post(Request::default(), path));
    assert_eq!((anonymous.status().as_u16(), &*outcome(&anonymous)), (401, "api_key_missing"));
    let good = send(post(fixture.request(), path));
    assert_eq!((good.status().as_u16(), &*outcome(&good)), (403, "scope_insufficient"));
}

#[test]
fn a_table_without_routes_closes_everything() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone());
    for path in ["/", HEALTH, LIST] {
        assert_closed(&fixture, |request| send(&table, request), path);
    }
}

/// A scope has at least one character (RFC 6749 §3.3), so a closed path names none.
#[test]
fn the_challenge_of_a_closed_path_names_no_scope() {
    let fixture = Fixture::new();
    let response = send(&table(&fixture), post(fixture.request(), "/example.Guests/Forgotten"));
    let challenge = r#"Bearer realm="api", error="insufficient_scope""#;
    assert_eq!(field(&response, "www-authenticate"), Some(challenge));
}

#[test]
fn the_log_names_a_closed_path_without_its_query() {
    let fixture = Fixture::new();
    let (log, _guard) = Log::start();
    send(&table(&fixture), post(fixture.request(), "/example.Guests/Forgotten?of=ada"));
    let line = log.line("the path is not declared");
    assert!(line.contains("/example.Guests/Forgotten"), "{line}");
    assert!(!log.text().contains("ada"), "{}", log.text());
}

#[test]
fn a_public_path_reads_no_credentials() {
    let fixture = Fixture::new();
    let lookups = fixture.lookups();
    let mut repeated = Request::default();
    repeated.headers_mut().append("authorization", "Bearer a, b".parse().unwrap());
    repeated.headers_mut().append("authorization", "Bearer".parse().unwrap());
    for request in [Request::default(), fixture.request(), repeated] {
        let response = send(&table(&fixture), post(request, HEALTH));
        assert_eq!((response.status().as_u16(), &*outcome(&response)), (200, "hello"));
        assert_eq!(rate_limit(&response), [None, None]);
    }
    assert_eq!(fixture.lookups(), lookups);
}

#[test]
fn braces_in_a_declared_path_are_no_parameter() {
    let fixture = Fixture::new();
    let table = table(&fixture).public(Method::POST, "/guests/{id}");
    for path in ["/guests/7", "/guests/%7bid%7d"] {
        assert_closed(&fixture, |request| send(&table, request), path);
    }
}

#[test]
fn another_method_of_a_declared_path_gets_405_and_allow() {
    let fixture = Fixture::new();
    let table = table(&fixture).public(Method::PUT, LIST);
    for method in [Method::GET, Method::HEAD, Method::TRACE, "post".parse().unwrap()] {
        for (path, methods) in [(HEALTH, "POST"), (LIST, "POST, PUT")] {
            for request in [fixture.request(), Request::default()] {
                let response = send(&table, with_method(&method, post(request, path)));
                assert_allows(&response, methods);
            }
        }
    }
}

#[test]
fn only_head_gets_a_405_without_a_body() {
    let fixture = Fixture::new();
    let send = |method| send(&table(&fixture), with_method(&method, post(fixture.request(), LIST)));
    let (get, head) = (send(Method::GET), send(Method::HEAD));
    assert_eq!(outcome(&get), "method_not_allowed");
    assert_eq!((head.headers(), head.body().len()), (get.headers(), 0));
    assert!(matches!(get.extensions().get(), Some(Denial::MethodNotAllowed { .. })));
}

#[test]
fn the_refusal_mapper_gets_a_405_too() {
    let mut fixture = Fixture::new();
    let mapper = |denial: &Denial, refusal: Response<Bytes>| refusal.map(|_| denial.code().into());
    fixture.gate = fixture.gate.with_refusal_mapper(mapper);
    let get = with_method(&Method::GET, post(fixture.request(), LIST));
    let response = send(&table(&fixture), get);
    assert_eq!((&**response.body(), response.status().as_u16()), (&b"method_not_allowed"[..], 405));
    assert_eq!(field(&response, "allow"), Some("POST"));

    let gate = fixture.gate.clone().with_refusal_mapper(GrpcRefusals);
    let refusal = gate.refusal_response(&Denial::MethodNotAllowed { allowed: vec![Method::POST] });
    assert_eq!(field(&refusal, "grpc-status"), Some("12"), "unimplemented");
}

#[test]
fn grpc_web_callers_get_their_own_content_type() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_refusal_mapper(GrpcRefusals);
    let content_type = |path: &str, sent: &str| {
        let mut request = post(Request::default(), path);
        set(&mut request, "content-type", sent);
        let refusal = send(&table(&fixture), request);
        assert_eq!((refusal.status().as_u16(), refusal.body().len()), (200, 0));
        field(&refusal, "content-type").unwrap().to_owned()
    };
    for path in [LIST, "/undeclared"] {
        for (sent, received) in [
            ("application/grpc", "application/grpc"),
            ("application/grpc+proto", "application/grpc"),
            ("text/plain", "application/grpc"),
            ("application/grpc-web", "application/grpc-web"),
            ("Application/gRPC-Web+Proto", "application/grpc-web"),
            ("application/grpc-web-text", "application/grpc-web-text"),
            ("application/grpc-web-text+proto; charset=utf-8", "application/grpc-web-text"),
            ("application/grpc-webby", "application/grpc"),
        ] {
            assert_eq!(content_type(path, sent), received, "{sent}");
        }
    }
    let mut get = with_method(&Method::GET, post(Request::default(), LIST));
    set(&mut get, "content-type", "application/grpc-web+proto");
    let refusal = send(&table(&fixture), get);
    assert_eq!(field(&refusal, "content-type"), Some("application/grpc-web"));
    assert_eq!(field(&refusal, "grpc-status"), Some("12"));
}

#[test]
fn a_grpc_web_caller_that_waits_for_the_store_is_known() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_refusal_mapper(GrpcRefusals);
    fixture.store.set_fault(Fault::Delay);
    let mut request = post(fixture.request_with(&unknown_token()), LIST);
    set(&mut request, "content-type", "application/grpc-web");
    let refusal = send(&table(&fixture), request);
    assert_eq!(field(&refusal, "content-type"), Some("application/grpc-web"));
}

/// The headers that reach a service on a public route.
fn seen_on_public_route(gate: Gate, request: Request<Body>) -> HeaderMap {
    let table = RouteTable::new(gate).public(Method::POST, HEALTH);
    let seen =
        service_fn(async |request: Request<Body>| Ok::<_, Infallible>(request.headers().clone()))
            .map_response(|headers| {
                let mut response = Response::new(Body::default());
                response.extensions_mut().insert(headers);
                response
            });
    let mut response = block_on(table.layer(seen).oneshot(post(request, HEALTH))).unwrap();
    response.extensions_mut().remove().unwrap()
}

#[test]
fn a_public_path_redacts_or_strips_credentials() {
    let fixture = Fixture::new();
    let mut repeated = fixture.request();
    repeat(&mut repeated, "authorization");
    for request in [fixture.request(), repeated] {
        let headers = seen_on_public_route(fixture.gate.clone(), request);
        let shown = format!("{headers:?}");
        assert!(!shown.contains(fixture.secret()), "{shown}");
        assert!(headers.contains_key("authorization") && headers.contains_key("x-api-key"));
    }
    let strips = fixture.gate.clone().with_credentials_stripped();
    assert!(seen_on_public_route(strips, fixture.request()).is_empty());
}

fn with_method(method: &Method, mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = method.clone();
    request
}

#[test]
fn get_covers_head_unless_head_has_its_own_requirement() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone())
        .require(Method::GET, "/covered", fixture.reads())
        .require(Method::GET, "/own", fixture.reads())
        .public(Method::HEAD, "/own");
    let head = |request, path| send(&table, with_method(&Method::HEAD, post(request, path)));
    let get = |request, path| send(&table, with_method(&Method::GET, post(request, path)));
    assert_eq!(head(fixture.request(), "/covered").status(), 200);
    let refused = head(Request::default(), "/covered");
    assert_eq!((refused.status().as_u16(), &**refused.body()), (401, &b""[..]));
    assert_eq!(refused.headers(), get(Request::default(), "/covered").headers());

    assert_eq!(head(Request::default(), "/own").status(), 200);
    assert_eq!(get(Request::default(), "/own").status(), 401);
}

/// An extended CONNECT has a path, as a WebSocket over HTTP/2 begins (RFC 8441 §4).
#[test]
fn get_covers_extended_connect_unless_it_is_declared() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone())
        .require(Method::GET, "/covered", fixture.reads())
        .require(Method::GET, "/own", fixture.reads())
        .public(Method::CONNECT, "/own")
        .public(Method::POST, "/post");
    let connect = |request, path: &str| {
        let url = format!("https://here{path}");
        send(&table, with_method(&Method::CONNECT, post(request, &url)))
    };
    assert_eq!(connect(fixture.request(), "/covered").status(), 200);
    assert_eq!(outcome(&connect(Request::default(), "/covered")), "api_key_missing");
    assert_eq!(connect(Request::default(), "/own").status(), 200);
    assert_allows(&connect(fixture.request(), "/post"), "POST");
    let plain = with_method(&Method::CONNECT, post(fixture.request(), "here:443"));
    assert_eq!(outcome(&send(&table, plain)), "scope_insufficient", "it has no path");
}

#[test]
fn head_does_not_open_get() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone()).public(Method::HEAD, "/guests");
    let head = with_method(&Method::HEAD, post(Request::default(), "/guests"));
    assert_eq!(send(&table, head).status(), 200);
    let get = with_method(&Method::GET, post(fixture.request(), "/guests"));
    assert_allows(&send(&table, get), "HEAD");
}

/// The response of a table around an axum router.
fn send_to_router(table: &RouteTable, router: Router, request: Request<Body>) -> Response<Bytes> {
    whole(block_on(table.layer(router).oneshot(request)).unwrap())
}

#[test]
fn a_declared_method_without_a_handler_gets_the_inner_405() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone())
        .require(Method::GET, "/guests", fixture.reads())
        .require(Method::PUT, "/guests", fixture.reads());
    let router = Router::new().route("/guests", get(async || "guests").delete(async || "deleted"));
    let put = with_method(&Method::PUT, post(fixture.request(), "/guests"));
    let response = send_to_router(&table, router, put);
    assert_eq!(response.status(), 405);
    assert_eq!(field(&response, "allow"), Some("GET,HEAD,DELETE"));
    assert!(rate_limit(&response)[1].is_some(), "the request was charged");
}

#[test]
fn a_table_around_nested_routes_needs_their_whole_paths() {
    let fixture = Fixture::new();
    let routes = || Router::new().route(HEALTH, any(async || "healthy"));
    let whole_path = format!("/v1{HEALTH}");
    for router in [Router::new().nest("/v1", routes()), Router::new().nest_service("/v1", routes())]
    {
        let send_below = |request| send_to_router(&table(&fixture), router.clone(), request);
        for path in [&*whole_path, "/v1/anything"] {
            assert_closed(&fixture, send_below, path);
        }
        let table = table(&fixture).public(Method::POST, &whole_path);
        let request = post(Request::default(), &whole_path);
        assert_eq!(outcome(&send_to_router(&table, router, request)), "healthy");
    }
}

#[test]
fn refusals_of_undeclared_paths_are_mapped_too() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_refusal_mapper(GrpcRefusals);
    let refusal = send(&table(&fixture), post(fixture.request(), "/example.Guests/Forgotten"));
    assert_eq!((refusal.status().as_u16(), field(&refusal, "grpc-status")), (200, Some("7")));
}

#[test]
#[should_panic(expected = "POST /example.Guests/List is declared twice")]
fn a_route_declared_twice_panics() {
    let fixture = Fixture::new();
    let _table = table(&fixture).public(Method::POST, LIST);
}
