//! `RouteTable` over a service whose paths are its routes, as those of gRPC are.
#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::{GrpcRefusals, RouteTable};
use http::{Method, Request, Response};
use pollster::block_on;
use support::*;
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
        let anonymous = send(&table, post(Request::default(), path));
        assert_eq!((anonymous.status().as_u16(), &*outcome(&anonymous)), (401, "api_key_missing"));
        let good = send(&table, post(fixture.request(), path));
        assert_eq!((good.status().as_u16(), &*outcome(&good)), (403, "scope_insufficient"));
    }
}

#[test]
fn another_method_of_a_declared_path_gets_405_and_allow() {
    let fixture = Fixture::new();
    for path in [HEALTH, LIST] {
        let mut get = post(fixture.request(), path);
        *get.method_mut() = Method::GET;
        let response = send(&table(&fixture), get);
        assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, Some("POST")));
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
