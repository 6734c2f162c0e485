//! Requests that pass, and a guard within an actix app.

use std::cell::RefCell;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::support::{Fixture, KEY, bearer, send_over_socket, serve};
use actix_web::dev::Service as _;
use actix_web::http::{StatusCode, header};
use actix_web::{App, HttpRequest, test, web};
use dualkey_actix::{Denial, Gate, Granted, Guard, Verifier};
use dualkey_limit::LimitPolicy;
use dualkey_testing::{Fault, FaultyStore};
use dualkey_verify::HeaderNames;

#[actix_web::test]
async fn a_request_that_passes_has_a_grant_and_rate_limit_fields() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let address = serve(Guard::new(fixture.gate(), fixture.require("guests:read")));
    let request = [("x-api-key", KEY), ("authorization", &*token)];
    let answer = send_over_socket(address, "GET", &request).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "guests of acme"));
    assert_eq!(
        answer.limits(),
        [
            Some(r#""burst";q=10;w=2, "daily";q=10000;w=86400"#),
            Some(r#""burst";r=9;t=2, "daily";r=9999;t=43200"#)
        ]
    );
}

#[actix_web::test]
async fn a_guard_charges_its_cost() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let guard = Guard::new(fixture.gate(), fixture.require("guests:read"));
    let address = serve(guard.with_cost(NonZeroU32::new(4).unwrap()));
    let request = [("x-api-key", KEY), ("authorization", &*token)];
    let answer = send_over_socket(address, "GET", &request).await;
    let limits = answer.limits()[1].unwrap();
    assert!(limits.starts_with(r#""burst";r=6;"#), "{limits}");
}

#[actix_web::test]
async fn head_gets_the_fields_of_a_refusal_without_its_body() {
    let fixture = Fixture::new();
    let address = serve(Guard::new(fixture.gate(), fixture.require("guests:read")));
    let get = send_over_socket(address, "GET", &[]).await;
    let head = send_over_socket(address, "HEAD", &[]).await;
    get.assert_refused(401, "api_key_missing");
    assert_eq!((head.status, &head.fields), (get.status, &get.fields));
    assert_eq!(head.field("content-length"), Some(&*get.body.len().to_string()));
    assert_eq!(head.body, "");
}

#[actix_web::test]
async fn credentials_are_read_from_the_configured_fields() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let names = HeaderNames {
        api_key: http::HeaderName::from_static("x-partner"),
        token: http::HeaderName::from_static("x-token"),
    };
    let verifier = Verifier::builder(fixture.registry.clone()).header_names(names).build();
    let address = serve(Guard::new(Gate::new(verifier), fixture.require("guests:read")));
    let token = bearer(&fixture.token().await);
    let named = [("X-Partner", KEY), ("X-Token", &*token)];
    assert_eq!(send_over_socket(address, "GET", &named).await.status, 200);
    let usual = [("X-Api-Key", KEY), ("Authorization", &*token)];
    send_over_socket(address, "GET", &usual).await.assert_refused(401, "api_key_missing");
}

#[actix_web::test]
async fn a_revoked_token_is_refused_at_the_next_request() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    let address = serve(Guard::new(fixture.gate(), fixture.require("guests:read")));
    let request = [("x-api-key", KEY), ("authorization", &*token)];
    assert_eq!(send_over_socket(address, "GET", &request).await.status, 200);

    let organization = "acme".into();
    let records = fixture.registry.tokens(&organization).await.unwrap();
    fixture.registry.revoke_token(&organization, &records[0].id).await.unwrap();
    send_over_socket(address, "GET", &request).await.assert_refused(401, "token_invalid");
}

#[actix_web::test]
async fn a_request_that_waits_for_the_store_blocks_no_other() {
    let fixture = Fixture::on(FaultyStore::with_fault(Fault::Hang));
    let guard = Guard::new(fixture.gate(), fixture.require("guests:read"));
    let app = test::init_service(App::new().wrap(guard)).await;
    let waits = test::TestRequest::get().insert_header(("x-api-key", KEY)).to_request();
    let mut waiting = pin!(app.call(waits));
    assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);

    let answer = test::call_service(&app, test::TestRequest::get().to_request()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
}

#[actix_web::test]
async fn no_debug_output_shows_a_stripped_credential() {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let names = HeaderNames { token: "x-token".parse().unwrap(), ..HeaderNames::default() };
    let verifier = Verifier::builder(fixture.registry.clone()).header_names(names).build();
    let gate = Gate::new(verifier).with_credentials_stripped();
    let guard = Guard::new(gate, fixture.require("guests:read"));
    let secret = fixture.token().await;

    let shown = async |request: HttpRequest, granted: Granted| {
        format!("{request:?} {:?} {granted:?}", request.headers())
    };
    let app = App::new().service(web::resource("/").wrap(guard.clone()).to(shown));
    let app = test::init_service(app).await;
    let request = test::TestRequest::get().insert_header(("x-api-key", KEY));
    let request = request.insert_header(("x-token", bearer(&secret))).to_request();
    let shown = test::call_and_read_body(&app, request).await;
    let shown = format!("{guard:?} {}", String::from_utf8_lossy(&shown));
    assert!(shown.contains("acme"), "{shown}");
    assert!(!shown.contains(KEY) && !shown.contains(&secret[3..]), "{shown}");
}

#[actix_web::test]
async fn an_outer_middleware_finds_the_denial() {
    let fixture = Fixture::new();
    let guard = Guard::new(fixture.gate(), fixture.require("guests:read"));
    let seen = Rc::new(RefCell::new(None));
    let middleware_seen = Rc::clone(&seen);
    let app = App::new().wrap(guard).wrap_fn(move |request, service| {
        let (answering, middleware_seen) = (service.call(request), Rc::clone(&middleware_seen));
        async move {
            let answer = answering.await?;
            let denial = answer.response().extensions().get::<Denial>().map(Denial::code);
            *middleware_seen.borrow_mut() = denial;
            Ok(answer)
        }
    });
    let app = test::init_service(app).await;
    test::call_service(&app, test::TestRequest::get().to_request()).await;
    assert_eq!(*seen.borrow(), Some("api_key_missing"));
}

#[actix_web::test]
async fn a_handler_without_a_guard_gets_no_grant() {
    let handler = async |Granted(grant): Granted| grant.organization.to_string();
    let app = test::init_service(App::new().route("/", web::get().to(handler))).await;
    let answer = test::call_service(&app, test::TestRequest::get().to_request()).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers().get(header::CONTENT_TYPE), None);
    assert!(test::read_body(answer).await.is_empty());
}
