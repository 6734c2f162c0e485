//! A decision records who calls on the current span, where it declares fields of these names.

use std::convert::Infallible;
use std::time::Duration;

use crate::support::*;
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_testing::Fault;
use dualkey_tower::RouteTable;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use pollster::block_on;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The fields of this span after it was current for a request, as the log shows them.
fn fields(span: fn() -> Span, send: impl FnOnce() -> Response<Bytes>) -> String {
    let (log, _guard) = Log::start();
    span().in_scope(send);
    let closed = log.line("close time.busy");
    let (_, fields) = closed.split_once(" request").unwrap();
    fields.split_once(": ").unwrap().0.to_owned()
}

fn declaring() -> Span {
    info_span!("request", partner = Empty, organization = Empty, token = Empty, code = Empty)
}

/// The fields of a request that this fixture's guard refuses or passes.
fn recorded(fixture: &Fixture, request: Request<Body>) -> String {
    fields(declaring, || fixture.send(request))
}

/// The fields of a caller whose token is known.
fn caller(fixture: &Fixture) -> String {
    let (partner, token) = (fixture.partner.id, fixture.token.record.id);
    format!("partner={partner} organization=acme token={token}")
}

#[test]
fn a_request_that_passes_records_its_caller() {
    let fixture = Fixture::new();
    for _from_the_store_then_from_memory in 0..2 {
        let recorded = recorded(&fixture, fixture.request());
        assert_eq!(recorded, format!("{{{}}}", caller(&fixture)));
    }
}

#[test]
fn a_span_without_the_fields_records_nothing() {
    let fixture = Fixture::new();
    let other = || info_span!("request", token = Empty, id = 7);
    let text = fields(other, || fixture.send(fixture.request()));
    assert_eq!(text, format!("{{id=7 token={}}}", fixture.token.record.id));
    let none = || info_span!("request");
    assert_eq!(fields(none, || fixture.send(fixture.request())), "");
}

#[test]
fn a_refusal_by_the_limits_records_caller_and_code() {
    let fixture = Fixture::new();
    fixture.pass(10);
    let text = recorded(&fixture, fixture.request());
    assert_eq!(text, format!(r#"{{{} code="rate_limited"}}"#, caller(&fixture)));
}

#[test]
fn a_missing_scope_records_caller_and_code() {
    let mut fixture = Fixture::new();
    fixture.token = fixture.issue("guests:read", None);
    let text = recorded(&fixture, fixture.request());
    assert_eq!(text, format!(r#"{{{} code="scope_insufficient"}}"#, caller(&fixture)));
}

#[test]
fn a_refused_token_records_its_partner_and_the_code() {
    let fixture = Fixture::new();
    let partner = fixture.partner.id;
    let mut bare = fixture.request();
    bare.headers_mut().remove(AUTHORIZATION);
    let text = recorded(&fixture, bare);
    assert_eq!(text, format!(r#"{{partner={partner} code="token_missing"}}"#));
    let text = recorded(&fixture, fixture.request_with(&unknown_token()));
    assert_eq!(text, format!(r#"{{partner={partner} code="token_invalid"}}"#));

    let expiring = fixture.issue("guests:read", Some(NOON.saturating_add(Duration::from_secs(1))));
    fixture.clock.advance(Duration::from_secs(1));
    let text = recorded(&fixture, fixture.request_with(expiring.secret.expose_secret()));
    let token = expiring.record.id;
    assert_eq!(text, format!(r#"{{partner={partner} token={token} code="token_invalid"}}"#));
}

#[test]
fn a_request_without_a_known_partner_records_the_code() {
    let fixture = Fixture::new();
    let mut unknown = fixture.request();
    set(&mut unknown, "x-api-key", "no-such-partner");
    assert_eq!(recorded(&fixture, unknown), r#"{code="api_key_invalid"}"#);
    fixture.store.set_fault(Fault::Error);
    assert_eq!(recorded(&fixture, fixture.request()), r#"{code="unavailable"}"#);
}

#[test]
fn an_undeclared_method_records_the_code() {
    let fixture = Fixture::new();
    let table = RouteTable::new(fixture.gate.clone()).public(Method::POST, "/reservations");
    let hello =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let send = || whole(block_on(table.layer(hello).oneshot(fixture.request())).unwrap());
    assert_eq!(fields(declaring, send), r#"{code="method_not_allowed"}"#);
}

#[test]
fn nested_guards_record_the_caller_once() {
    let mut fixture = Fixture::new();
    fixture.token = fixture.issue("guests:read", None);
    let hello =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let inner = fixture.gate.require(fixture.reads()).layer(hello);
    let nested = fixture.gate.require(Requirement::NONE).layer(inner);
    let send = || whole(block_on(nested.oneshot(fixture.request())).unwrap());
    let text = fields(declaring, send);
    assert_eq!(text, format!(r#"{{{} code="scope_insufficient"}}"#, caller(&fixture)));
}
