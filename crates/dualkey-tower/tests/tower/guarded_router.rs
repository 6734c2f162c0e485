//! `GuardedRouter`: a declared route is open to the requests that meet its requirement, and all other paths
//! are closed.

use crate::support::*;
use axum::Router;
use axum::extract::{MatchedPath, Path, State};
use axum::routing::delete;
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::{Denial, Grant, GuardedRouter};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pollster::block_on;
use tower::ServiceExt as _;

async fn guest(Path(id): Path<String>, grant: Grant) -> String {
    format!("guest {id} of {}", grant.organization)
}

/// `/healthz` is public, reading guests requires a scope, and deleting them any good token.
fn declared(fixture: &Fixture) -> GuardedRouter {
    GuardedRouter::new(fixture.gate.clone())
        .public(Method::GET, "/healthz", async || "healthy")
        .require(Method::GET, "/guests/{id}", fixture.reads(), guest)
        .require(Method::DELETE, "/guests/{id}", Requirement::NONE, guest)
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

/// A request whose token only has the scope `guests:read`.
fn without_scope(fixture: &Fixture, path: &str) -> Request<Body> {
    let token = fixture.issue("guests:read", None);
    let mut request = fixture.request_with(token.secret.expose_secret());
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn result(response: &Response<Bytes>) -> (u16, String) {
    (response.status().as_u16(), outcome(response))
}

#[track_caller]
fn assert_closed(fixture: &Fixture, app: &Router, method: Method, path: &str) {
    let anonymous = send(app, bare(method.clone(), path));
    assert_eq!(result(&anonymous), (401, "api_key_missing".to_owned()));
    let authenticated = send(app, good(fixture, method, path));
    assert_eq!(result(&authenticated), (403, "scope_insufficient".to_owned()));
}

#[test]
fn a_public_route_reads_no_credentials() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let lookups = fixture.lookups();
    let mut repeated = bare(Method::GET, "/healthz");
    repeated.headers_mut().append(AUTHORIZATION, "Bearer a, b".parse().unwrap());
    repeated.headers_mut().append(AUTHORIZATION, "Bearer".parse().unwrap());
    for request in
        [bare(Method::GET, "/healthz"), good(&fixture, Method::GET, "/healthz"), repeated]
    {
        let response = send(&app, request);
        assert_eq!(result(&response), (200, "healthy".to_owned()));
        assert_eq!(rate_limit(&response), [None, None]);
    }
    assert_eq!(fixture.lookups(), lookups);
}

#[test]
fn a_required_route_serves_requests_that_meet_its_requirement() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let response = send(&app, good(&fixture, Method::GET, "/guests/7"));
    assert_eq!(result(&response), (200, "guest 7 of acme".to_owned()));
    assert!(rate_limit(&response)[1].unwrap().starts_with(r#""burst";r=9;"#));
    let anonymous = send(&app, bare(Method::GET, "/guests/7"));
    assert_eq!(result(&anonymous), (401, "api_key_missing".to_owned()));

    let response = send(&app, without_scope(&fixture, "/guests/7"));
    assert_eq!(result(&response), (403, "scope_insufficient".to_owned()));
    assert_eq!(problem(&response)["required"], serde_json::json!(["reservations:read"]));
}

#[test]
fn methods_of_one_path_have_their_own_requirements() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let mut delete = without_scope(&fixture, "/guests/7");
    *delete.method_mut() = Method::DELETE;
    assert_eq!(result(&send(&app, delete)), (200, "guest 7 of acme".to_owned()));
    assert_eq!(send(&app, without_scope(&fixture, "/guests/7")).status(), 403);
}

#[test]
fn a_cost_belongs_to_the_route_declared_last() {
    let fixture = Fixture::new();
    let app = GuardedRouter::new(fixture.gate.clone())
        .require(Method::GET, "/cheap", fixture.reads(), async || "cheap")
        .require(Method::GET, "/costly", fixture.reads(), async || "costly")
        .with_cost(number(4))
        .require(Method::POST, "/costly", fixture.reads(), async || "cheap too")
        .into_router();
    for (method, path, burst) in
        [(Method::GET, "/costly", 6), (Method::GET, "/cheap", 5), (Method::POST, "/costly", 4)]
    {
        let response = send(&app, good(&fixture, method, path));
        assert_eq!(response.status(), 200);
        assert_eq!(remaining(&response, "burst").unwrap().0, burst);
    }
}

#[test]
#[should_panic(expected = "a cost follows the declaration of a route with a requirement")]
fn a_cost_of_a_public_route_panics() {
    let fixture = Fixture::new();
    let open = GuardedRouter::<()>::new(fixture.gate.clone());
    let _ = open.public(Method::GET, "/healthz", async || "ok").with_cost(number(2));
}

#[test]
#[should_panic(expected = "a cost follows the declaration of a route with a requirement")]
fn a_cost_after_merge_panics() {
    let fixture = Fixture::new();
    let router = GuardedRouter::new(fixture.gate.clone()).merge(declared(&fixture));
    let _ = router.with_cost(number(2));
}

#[test]
fn a_path_that_is_not_declared_is_closed() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    for path in ["/", "/forgotten", "/guests", "/guests/", "/guests/7/", "//healthz", "/healthz/"] {
        assert_closed(&fixture, &app, Method::GET, path);
        fixture.clock.advance(std::time::Duration::from_secs(1));
    }
    assert_closed(&fixture, &app, Method::POST, "/forgotten");
}

/// A scope has at least one character (RFC 6749 §3.3), so a closed path names none.
#[test]
fn the_challenge_of_a_closed_path_names_no_scope() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let response = send(&app, good(&fixture, Method::GET, "/forgotten"));
    let challenge = r#"Bearer realm="api", error="insufficient_scope""#;
    assert_eq!(field(&response, "www-authenticate"), Some(challenge));
}

#[test]
fn the_log_of_a_closed_path_contains_no_personal_data() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let (log, _guard) = Log::start();
    send(&app, good(&fixture, Method::GET, "/forgotten/personal-data?of=ada"));
    let text = log.text();
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains("personal-data") && !text.contains("ada"), "{text}");
}

#[test]
fn a_router_without_routes_closes_everything() {
    let fixture = Fixture::new();
    let app: Router = GuardedRouter::new(fixture.gate.clone()).into_router();
    for path in ["/", "/healthz", "/guests/7"] {
        assert_closed(&fixture, &app, Method::GET, path);
    }
}

#[test]
fn a_program_can_replace_the_closed_fallback() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router().fallback(async || "not here");
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/forgotten"))), "not here");
    assert_eq!(send(&app, bare(Method::GET, "/guests/7")).status(), 401);
}

#[test]
fn another_method_of_a_declared_path_gets_405_and_allow() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    for method in [Method::POST, Method::PUT, Method::OPTIONS, "get".parse().unwrap()] {
        for request in
            [good(&fixture, method.clone(), "/guests/7"), bare(method.clone(), "/guests/7")]
        {
            assert_allows(&send(&app, request), "GET, DELETE, HEAD");
        }
        assert_allows(&send(&app, bare(method, "/healthz")), "GET, HEAD");
    }
}

#[test]
fn the_refusal_mapper_gets_a_405_too() {
    let mut fixture = Fixture::new();
    let mapper = |denial: &Denial, refusal: Response<Bytes>| refusal.map(|_| denial.code().into());
    fixture.gate = fixture.gate.with_refusal_mapper(mapper);
    let response = send(&declared(&fixture).into_router(), bare(Method::POST, "/guests/7"));
    assert_eq!((&**response.body(), response.status().as_u16()), (&b"method_not_allowed"[..], 405));
    assert_eq!(field(&response, "allow"), Some("GET, DELETE, HEAD"));
}

#[test]
fn a_public_route_redacts_or_strips_credentials() {
    let fixture = Fixture::new();
    let shown = |gate| {
        let show = async |headers: HeaderMap| format!("{headers:?}");
        let app: Router = GuardedRouter::new(gate).public(Method::GET, "/show", show).into_router();
        observable(&send(&app, good(&fixture, Method::GET, "/show"))).2
    };
    let redacted = shown(fixture.gate.clone());
    assert!(
        redacted.contains("authorization") && !redacted.contains(fixture.secret()),
        "{redacted}"
    );
    let stripped = shown(fixture.gate.clone().with_credentials_stripped());
    assert!(!stripped.contains("authorization") && !stripped.contains("x-api-key"), "{stripped}");
}

#[test]
fn a_path_without_get_refuses_head() {
    let fixture = Fixture::new();
    let app: Router = GuardedRouter::new(fixture.gate.clone())
        .public(Method::PUT, "/guests", async || "put")
        .into_router();
    assert_eq!(send(&app, bare(Method::PUT, "/guests")).status(), 200);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::TRACE] {
        assert_allows(&send(&app, good(&fixture, method, "/guests")), "PUT");
    }
}

#[test]
fn get_covers_head_unless_head_has_its_own_requirement() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let response = send(&app, good(&fixture, Method::HEAD, "/guests/7"));
    assert_eq!((response.status().as_u16(), &**response.body()), (200, &b""[..]));
    assert_eq!(send(&app, bare(Method::HEAD, "/healthz")).status(), 200);
    let refused = send(&app, bare(Method::HEAD, "/guests/7"));
    assert_eq!((refused.status().as_u16(), &**refused.body()), (401, &b""[..]));
    assert_eq!(refused.headers(), send(&app, bare(Method::GET, "/guests/7")).headers());

    let app: Router = GuardedRouter::new(fixture.gate.clone())
        .public(Method::HEAD, "/guests", async || "")
        .require(Method::GET, "/guests", fixture.reads(), async || "guests")
        .into_router();
    assert_eq!(send(&app, bare(Method::HEAD, "/guests")).status(), 200);
    assert_eq!(send(&app, bare(Method::GET, "/guests")).status(), 401);
}

/// An extended CONNECT has a path, as a WebSocket over HTTP/2 begins (RFC 8441 §4).
fn connect(mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = format!("https://here{}", request.uri()).parse().unwrap();
    request
}

#[test]
fn get_covers_extended_connect_unless_it_is_declared() {
    let fixture = Fixture::new();
    let app: Router = GuardedRouter::new(fixture.gate.clone())
        .require(Method::GET, "/covered", fixture.reads(), async || "get")
        .require(Method::GET, "/own", fixture.reads(), async || "get")
        .public(Method::CONNECT, "/own", async || StatusCode::ACCEPTED)
        .public(Method::POST, "/post", async || "post")
        .into_router();
    let status = |request| send(&app, connect(request)).status().as_u16();
    assert_eq!(status(good(&fixture, Method::GET, "/covered")), 200);
    assert_eq!(status(bare(Method::GET, "/covered")), 401);
    assert_eq!(status(without_scope(&fixture, "/covered")), 403);
    assert_eq!(status(bare(Method::GET, "/own")), 202);
    assert_eq!(status(good(&fixture, Method::GET, "/post")), 405);
}

#[test]
fn a_plain_connect_has_no_path_and_is_closed() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    let mut request = fixture.request();
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "here:443".parse().unwrap();
    assert_ne!(send(&app, request).status(), 200);
}

#[tokio::test]
async fn an_extended_connect_over_http_2_reaches_the_handler() {
    let fixture = tokio::task::spawn_blocking(Fixture::new).await.unwrap();
    let app: Router = GuardedRouter::new(fixture.gate.clone())
        .require(Method::GET, "/socket", fixture.reads(), async || "socket")
        .into_router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });

    let stream = TokioIo::new(tokio::net::TcpStream::connect(address).await.unwrap());
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let url = |mut request: Request<Body>| {
        *request.uri_mut() = format!("http://{address}/socket").parse().unwrap();
        request
    };
    // The settings of the server, which allow the extension, arrive before its first response.
    assert_eq!(requests.send_request(url(fixture.request())).await.unwrap().status(), 200);
    for (request, status) in [(fixture.request(), 200), (Request::default(), 401)] {
        let mut request = url(request);
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        assert_eq!(requests.send_request(request).await.unwrap().status(), status);
    }
}

#[test]
fn head_does_not_open_get() {
    let fixture = Fixture::new();
    let app: Router = GuardedRouter::new(fixture.gate.clone())
        .public(Method::HEAD, "/guests", async || "")
        .into_router();
    assert_eq!(send(&app, bare(Method::HEAD, "/guests")).status(), 200);
    assert_allows(&send(&app, good(&fixture, Method::GET, "/guests")), "HEAD");
}

#[test]
fn a_public_path_opens_no_path_with_a_parameter() {
    let fixture = Fixture::new();
    let app = declared(&fixture).public(Method::GET, "/guests/me", async || "public").into_router();
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/guests/me"))), "public");
    for path in ["/guests/7", "/guests/{id}", "/guests/%7bid%7d", "/guests/m%65", "/guests/ME"] {
        assert_eq!(result(&send(&app, bare(Method::GET, path))).1, "api_key_missing", "{path}");
        assert_eq!(send(&app, without_scope(&fixture, path)).status(), 403, "{path}");
    }
}

#[test]
fn path_parameters_reach_the_handler_and_open_nothing() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router();
    for (path, id) in [("%2e%2e%2fhealthz", "../healthz"), ("caf%C3%A9", "caf\u{e9}"), ("a?b", "a")]
    {
        let path = format!("/guests/{path}");
        let response = send(&app, good(&fixture, Method::GET, &path));
        assert_eq!(outcome(&response), format!("guest {id} of acme"));
        assert_eq!(send(&app, bare(Method::GET, &path)).status(), 401);
    }
}

#[test]
fn a_handler_added_without_a_guard_fails_and_is_logged() {
    let fixture = Fixture::new();
    let app = declared(&fixture).into_router().route("/late", delete(late));
    let (log, _guard) = Log::start();
    let response = send(&app, good(&fixture, Method::DELETE, "/late?access_token=secret"));
    assert_eq!((response.status().as_u16(), &**response.body()), (500, &b""[..]));
    let line = log.line("no Gate guards its route");
    assert!(line.contains("ERROR") && line.contains("DELETE") && line.contains("/late"), "{line}");
    let text = log.text();
    assert!(!text.contains("secret") && !text.contains(fixture.secret()), "{text}");
}

/// A handler that needs a grant.
async fn late(_: Grant) {}

#[test]
fn a_handler_on_a_public_route_gets_no_grant() {
    let fixture = Fixture::new();
    let router = GuardedRouter::new(fixture.gate.clone());
    let app: Router = router.public(Method::DELETE, "/late", late).into_router();
    assert_eq!(send(&app, good(&fixture, Method::DELETE, "/late")).status(), 500);
}

#[test]
#[should_panic(expected = "GET /healthz is declared twice")]
fn a_route_declared_twice_panics() {
    let fixture = Fixture::new();
    let router = declared(&fixture);
    let _ = router.require(Method::GET, "/healthz", fixture.reads(), async || "twice");
}

#[test]
#[should_panic(expected = "GET /healthz is declared twice")]
fn a_route_of_both_merged_routers_panics() {
    let fixture = Fixture::new();
    let _ = declared(&fixture).merge(declared(&fixture));
}

#[test]
#[should_panic(expected = "GET /v1/healthz is declared twice")]
fn a_nested_route_that_is_declared_already_panics() {
    let fixture = Fixture::new();
    let outer = GuardedRouter::new(fixture.gate.clone());
    let outer = outer.public(Method::GET, "/v1/healthz", async || "outer");
    let _ = outer.nest("/v1", declared(&fixture));
}

#[test]
#[should_panic(expected = "does not begin with a slash")]
fn a_path_without_a_slash_panics() {
    let fixture = Fixture::new();
    let router = GuardedRouter::<()>::new(fixture.gate.clone());
    let _ = router.public(Method::GET, "healthz", async || "healthy");
}

#[test]
#[should_panic(expected = "is no prefix of a path")]
fn nesting_below_a_slash_panics() {
    let fixture = Fixture::new();
    let _ = GuardedRouter::new(fixture.gate.clone()).nest("/", declared(&fixture));
}

#[test]
#[should_panic(expected = "axum has no routes for the method PURGE")]
fn a_method_that_axum_has_no_routes_for_panics() {
    let fixture = Fixture::new();
    let router = GuardedRouter::<()>::new(fixture.gate.clone());
    let _ = router.public("PURGE".parse().unwrap(), "/cache", async || "purged");
}

#[track_caller]
fn assert_served_below(prefix: &str, fixture: &Fixture, app: &Router) {
    let at = |path: &str| format!("{prefix}{path}");
    assert_eq!(result(&send(app, bare(Method::GET, &at("/healthz")))).1, "healthy");
    let response = send(app, good(fixture, Method::GET, &at("/guests/7")));
    assert_eq!(result(&response), (200, "guest 7 of acme".to_owned()));
    assert_eq!(send(app, bare(Method::GET, &at("/guests/7"))).status(), 401);
    assert_eq!(send(app, without_scope(fixture, &at("/guests/7"))).status(), 403);
    assert_allows(&send(app, bare(Method::POST, &at("/guests/7"))), "GET, DELETE, HEAD");
    assert_closed(fixture, app, Method::GET, &at("/forgotten"));
}

#[test]
fn merged_routers_keep_their_rules() {
    let fixture = Fixture::new();
    let costly = GuardedRouter::new(fixture.gate.clone())
        .require(Method::GET, "/costly", fixture.reads(), async || "costly")
        .with_cost(number(3));
    let app = declared(&fixture).merge(costly).into_router();
    let response = send(&app, good(&fixture, Method::GET, "/costly"));
    assert_eq!(remaining(&response, "burst").unwrap().0, 7);
    assert_served_below("", &fixture, &app);
}

#[test]
fn merged_routers_can_share_a_path() {
    let fixture = Fixture::new();
    let put = GuardedRouter::new(fixture.gate.clone());
    let put = put.public(Method::PUT, "/guests/{id}", async || "put");
    let app = declared(&fixture).merge(put).into_router();
    assert_eq!(outcome(&send(&app, bare(Method::PUT, "/guests/7"))), "put");
    assert_eq!(send(&app, bare(Method::GET, "/guests/7")).status(), 401);
    assert_allows(&send(&app, bare(Method::POST, "/guests/7")), "GET, DELETE, PUT, HEAD");
}

#[test]
fn merged_routers_keep_their_gates() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let gate = other.gate.clone().with_realm("other");
    let merged = GuardedRouter::new(gate);
    let merged = merged.require(Method::GET, "/other", other.reads(), async || "other");
    let app = declared(&fixture).merge(merged).into_router();
    let challenge = |path| {
        let response = send(&app, bare(Method::GET, path));
        field(&response, "www-authenticate").unwrap().to_owned()
    };
    assert!(challenge("/other").contains(r#"realm="other""#));
    assert!(challenge("/guests/7").contains(r#"realm="api""#));
    assert!(challenge("/forgotten").contains(r#"realm="api""#));
}

#[test]
fn nested_routers_keep_their_rules_below_the_prefix() {
    let fixture = Fixture::new();
    let nest = |prefix| {
        GuardedRouter::new(fixture.gate.clone()).nest(prefix, declared(&fixture)).into_router()
    };
    assert_served_below("/v1", &fixture, &nest("/v1"));
    fixture.clock.advance(std::time::Duration::from_secs(2));
    assert_served_below("/v1", &fixture, &nest("/v1/"));
    let app = nest("/v1");
    for path in ["/healthz", "/guests/7"] {
        assert_closed(&fixture, &app, Method::GET, path);
    }
    let nested = GuardedRouter::new(fixture.gate.clone()).nest("/b", declared(&fixture));
    let app = GuardedRouter::new(fixture.gate.clone()).nest("/a", nested).into_router();
    fixture.clock.advance(std::time::Duration::from_secs(2));
    assert_served_below("/a/b", &fixture, &app);
}

#[test]
fn routers_can_be_nested_below_a_parameter() {
    let fixture = Fixture::new();
    let nested = GuardedRouter::new(fixture.gate.clone()).nest("/c", declared(&fixture));
    let app = GuardedRouter::new(fixture.gate.clone()).nest("/a/{b}", nested).into_router();
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/a/x/c/healthz"))), "healthy");
    assert_eq!(send(&app, bare(Method::GET, "/a/x/c/guests/7")).status(), 401);
    assert_closed(&fixture, &app, Method::GET, "/a/x/y/c/healthz");
}

#[test]
fn a_nested_root_is_the_prefix_and_handlers_see_the_whole_path() {
    let fixture = Fixture::new();
    let nested = GuardedRouter::new(fixture.gate.clone()).public(
        Method::GET,
        "/",
        async |matched: MatchedPath, uri: Uri| format!("{} {uri}", matched.as_str()),
    );
    let app = GuardedRouter::new(fixture.gate.clone()).nest("/v1", nested).into_router();
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/v1"))), "/v1 /v1");
    assert_closed(&fixture, &app, Method::GET, "/v1/");
}

#[test]
fn a_router_of_axum_can_nest_and_merge_it() {
    let fixture = Fixture::new();
    let app = Router::new().nest("/v1", declared(&fixture).into_router());
    assert_served_below("/v1", &fixture, &app);
    fixture.clock.advance(std::time::Duration::from_secs(2));
    let app = Router::new().merge(declared(&fixture).into_router());
    assert_served_below("", &fixture, &app);
    fixture.clock.advance(std::time::Duration::from_secs(2));
    let app = Router::new().nest_service("/v1", declared(&fixture).into_router());
    assert_served_below("/v1", &fixture, &app);
    assert_closed(&fixture, &app, Method::GET, "/v1/anything");
}

#[test]
fn handlers_extract_state() {
    let fixture = Fixture::new();
    let app = GuardedRouter::<&'static str>::new(fixture.gate.clone())
        .public(Method::GET, "/healthz", async |State(name): State<&'static str>| name)
        .into_router()
        .with_state("the state");
    assert_eq!(outcome(&send(&app, bare(Method::GET, "/healthz"))), "the state");
}

#[test]
fn debug_output_lists_the_routes() {
    let fixture = Fixture::new();
    let shown = format!("{:?}", declared(&fixture));
    assert!(shown.contains("DELETE /guests/{id}"), "{shown}");
    assert!(!shown.contains(fixture.secret()), "{shown}");
}
