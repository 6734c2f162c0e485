//! An optional guard lets a request without both fields pass, and verifies every other one.

use crate::support::{Fixture, KEY, bearer};
use actix_web::{App, test, web};
use dualkey_actix::{Guard, MaybeGranted};
use dualkey_limit::LimitPolicy;

async fn caller(MaybeGranted(grant): MaybeGranted) -> String {
    grant.map_or("anonymous".to_owned(), |grant| grant.organization.to_string())
}

#[actix_web::test]
async fn only_requests_without_both_fields_are_anonymous() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let guard = Guard::optional(fixture.gate(), fixture.require("guests:read"));
    let app = test::init_service(App::new().route("/", web::get().to(caller)).wrap(guard)).await;
    for (fields, status, text) in [
        (&[][..], 200, "anonymous"),
        (&[("x-api-key", KEY), ("authorization", &token)], 200, "acme"),
        (&[("x-api-key", KEY)], 401, "token_missing"),
        (&[("authorization", "")], 401, "api_key_missing"),
        (&[("x-api-key", KEY), ("authorization", "Basic YTpi")], 401, "token_missing"),
    ] {
        let request = fields.iter().fold(test::TestRequest::get(), |request, (name, value)| {
            request.insert_header((*name, *value))
        });
        let answer = test::call_service(&app, request.to_request()).await;
        assert_eq!(answer.status(), status);
        let body = test::read_body(answer).await;
        assert!(String::from_utf8_lossy(&body).contains(text), "{body:?}");
    }
}

#[actix_web::test]
async fn an_optional_grant_without_a_guard_is_a_missing_grant() {
    let app = test::init_service(App::new().route("/", web::get().to(caller))).await;
    let answer = test::call_service(&app, test::TestRequest::get().to_request()).await;
    assert_eq!(answer.status(), 500);
}
