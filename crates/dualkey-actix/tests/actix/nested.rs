//! Guards within guards, errors of the inner service, and outer middleware.

use crate::support::{Fixture, KEY, bearer};
use actix_web::body::BoxBody;
use actix_web::dev::{Service as _, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpMessage as _, HttpRequest, error, test, web};
use dualkey_actix::{ChargedError, Decision, Guard};
use dualkey_limit::LimitPolicy;
use dualkey_scope::Requirement;
use dualkey_tower::GrpcRefusals;

async fn fixture() -> (Fixture, String) {
    let fixture = Fixture::new();
    fixture.partner(LimitPolicy::default()).await;
    let token = bearer(&fixture.token().await);
    (fixture, token)
}

fn good(token: &str) -> test::TestRequest {
    let request = test::TestRequest::get().insert_header(("x-api-key", KEY));
    request.insert_header(("authorization", token))
}

fn burst(headers: &HeaderMap) -> Option<u32> {
    let (_, rest) = headers.get("ratelimit")?.to_str().unwrap().split_once(";r=").unwrap();
    rest.split(';').next().unwrap().parse().ok()
}

async fn names_of_credentials(request: HttpRequest) -> String {
    let present = |name: &&str| request.headers().contains_key(*name);
    ["x-api-key", "authorization"].into_iter().filter(present).collect::<Vec<_>>().join(" ")
}

#[actix_web::test]
async fn two_guards_of_one_gate_charge_once() {
    let (fixture, token) = fixture().await;
    for strips in [false, true] {
        let gate = fixture.gate();
        let gate = if strips { gate.with_credentials_stripped() } else { gate };
        let reads = Guard::new(gate.clone(), fixture.require("guests:read"));
        let edits = Guard::new(gate.clone(), fixture.require("guests:edit"));
        let costly = reads.clone().with_cost(4.try_into().unwrap());
        let app = App::new()
            .service(web::resource("/").wrap(reads).get(names_of_credentials))
            .service(web::resource("/costly").wrap(costly).get(names_of_credentials))
            .service(web::resource("/edit").wrap(edits).get(names_of_credentials))
            .wrap(Guard::new(gate, Requirement::NONE));
        let app = test::init_service(app).await;
        for (path, status, left) in [("/", 200, 9), ("/costly", 200, 5), ("/edit", 403, 4)] {
            let answer = app.call(good(&token).uri(path).to_request()).await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(burst(answer.headers()), Some(left));
            let decision = answer.response().extensions().get::<Decision>().cloned().unwrap();
            assert_eq!(decision.standing().burst_remaining(), left);
            if status == 200 {
                let seen = test::read_body(answer).await;
                assert_eq!(seen, if strips { "" } else { "x-api-key authorization" });
            }
        }
    }
}

#[actix_web::test]
async fn a_changed_credential_is_decided_anew() {
    let (fixture, token) = fixture().await;
    let gate = fixture.gate();
    let app = App::new()
        .service(
            web::resource("/")
                .wrap(Guard::new(gate.clone(), Requirement::NONE))
                .wrap(from_fn(|mut request: ServiceRequest, next: Next<_>| {
                    request.headers_mut().remove("authorization");
                    next.call(request)
                }))
                .get(names_of_credentials),
        )
        .wrap(Guard::new(gate, Requirement::NONE));
    let app = test::init_service(app).await;
    let answer = app.call(good(&token).to_request()).await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[actix_web::test]
async fn an_error_of_an_inner_middleware_has_the_fields() {
    let (fixture, token) = fixture().await;
    let guard = Guard::new(fixture.gate(), Requirement::NONE);
    let fails = from_fn(|_: ServiceRequest, _: Next<BoxBody>| async {
        Err::<ServiceResponse, _>(error::ErrorImATeapot("no coffee"))
    });
    let app = App::new().route("/", web::get().to(names_of_credentials)).wrap(fails).wrap(guard);
    let app = test::init_service(app).await;
    let error = app.call(good(&token).to_request()).await.err().unwrap();
    let charged: &ChargedError = error.as_error().unwrap();
    assert_eq!(
        (charged.to_string(), charged.inner().to_string()),
        ("no coffee".into(), "no coffee".into())
    );
    let response = error.error_response();
    assert_eq!(response.status(), 418);
    assert_eq!(burst(response.headers()), Some(9));
    assert!(response.headers().contains_key("ratelimit-policy"));
}

/// Actix itself needs the only reference until it has routed a request, so the middleware is one of a
/// resource.
#[actix_web::test]
async fn an_outer_middleware_may_hold_the_request() {
    let (fixture, token) = fixture().await;
    let guard = Guard::new(fixture.gate(), fixture.require("guests:read"));
    let resource = web::resource("/").wrap(guard).wrap_fn(|request, service| {
        let held = request.request().clone();
        let answering = service.call(request);
        async move {
            let answer = answering.await;
            assert!(held.extensions().get::<Decision>().is_some());
            answer
        }
    });
    let app = test::init_service(App::new().service(resource.get(names_of_credentials))).await;
    let answer = test::call_service(&app, good(&token).to_request()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(test::read_body(answer).await, "x-api-key authorization");
}

#[actix_web::test]
#[should_panic(expected = "guests:read is required by another catalogue than the registry's")]
async fn a_guard_with_a_foreign_requirement_panics() {
    let foreign = Fixture::new().require("guests:read");
    let _guard = Guard::new(Fixture::new().gate(), foreign);
}

#[actix_web::test]
async fn a_mapper_of_refusals_gets_the_fields_of_the_request() {
    let guard =
        Guard::new(Fixture::new().gate().with_refusal_mapper(GrpcRefusals), Requirement::NONE);
    let app = App::new().route("/", web::get().to(names_of_credentials)).wrap(guard);
    let app = test::init_service(app).await;
    let request = test::TestRequest::get().insert_header(("content-type", "application/grpc-web"));
    let answer = test::call_service(&app, request.to_request()).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "application/grpc-web");
}
