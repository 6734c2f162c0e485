//! `Grant` as an extractor of axum.

use crate::support::Setting;
use crate::support::log::log_of;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::IntoResponse as _;
use dualkey_verify::{Anonymous, Grant, MissingGrant};
use http::request::Parts;
use http::{Request, StatusCode};
use pollster::block_on;

fn parts() -> Parts {
    Request::get("/guests?page=2").body(()).unwrap().into_parts().0
}

fn extract(parts: &mut Parts) -> Result<Grant, MissingGrant> {
    block_on(<Grant as FromRequestParts<()>>::from_request_parts(parts, &()))
}

fn extract_optional(parts: &mut Parts) -> Result<Option<Grant>, MissingGrant> {
    block_on(<Grant as OptionalFromRequestParts<()>>::from_request_parts(parts, &()))
}

#[test]
fn the_grant_that_a_guard_inserts_is_extracted() {
    let setting = Setting::new();
    let mut parts = parts();
    parts.extensions.insert(setting.present(setting.secret()).unwrap());
    let token = setting.token.record.id;
    assert_eq!(extract(&mut parts).unwrap().token, token);
    assert_eq!(extract_optional(&mut parts).unwrap().unwrap().token, token);
}

#[test]
fn an_anonymous_request_has_no_grant() {
    let mut parts = parts();
    parts.extensions.insert(Anonymous);
    assert!(extract_optional(&mut parts).unwrap().is_none());
    assert!(extract(&mut parts).is_err());
}

#[test]
fn a_route_without_a_guard_is_an_error_of_the_program() {
    let mut parts = parts();
    let log = log_of(|| assert!(extract(&mut parts).is_err()));
    assert!(log.contains("ERROR") && log.contains("path=\"/guests\""), "{log}");
    let missing = extract_optional(&mut parts).unwrap_err();
    assert_eq!(missing.to_string(), "no Gate guards this route");
    assert_eq!(missing.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}
