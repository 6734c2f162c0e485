//! Every example of a refusal in a completed OpenAPI document is the response that the router sends.

use crate::support::*;
use axum::Router;
use bytes::Bytes;
use dualkey_testing::Fault;
use dualkey_tower::{Denial, GuardedRouter};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use pollster::block_on;
use serde_json::Value;
use tower::ServiceExt as _;
use utoipa::OpenApi as _;

/// All reservations.
#[utoipa::path(get, path = "/reservations", responses((status = 200, body = String)))]
async fn reservations() -> &'static str {
    "all"
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(reservations))]
struct Hotel;

const STATUSES: [&str; 5] = ["400", "401", "403", "429", "503"];
const FIELDS: [&str; 4] = ["WWW-Authenticate", "Retry-After", "RateLimit-Policy", "RateLimit"];

fn router(fixture: &Fixture) -> GuardedRouter {
    let router = GuardedRouter::new(fixture.gate.clone());
    router.require(Method::GET, "/reservations", fixture.reads(), reservations)
}

/// The response of this status, resolved.
fn documented<'a>(document: &'a Value, status: &str) -> &'a Value {
    let response = &document["paths"]["/reservations"]["get"]["responses"][status];
    match response["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => response,
    }
}

fn send(app: &Router, request: Request<Body>) -> Response<Bytes> {
    whole(block_on(app.clone().oneshot(request)).unwrap())
}

/// The response to requests that are sent as soon as the rate allows, once the quota is used up.
fn exhaust_quota(fixture: &Fixture, app: &Router) -> Response<Bytes> {
    loop {
        let response = send(app, fixture.request());
        match response.extensions().get() {
            Some(Denial::RateLimited { refusal }) => fixture.clock.advance(refusal.retry_after),
            Some(_) => return response,
            None => {}
        }
    }
}

/// The response of the router in the situation of this example.
fn real(name: &str) -> Response<Bytes> {
    let fixture = Fixture::new();
    let app = router(&fixture).into_router();
    let mut request = fixture.request();
    match name {
        "header_repeated_api_key" => repeat(&mut request, "x-api-key"),
        "header_repeated_token" => repeat(&mut request, "authorization"),
        "api_key_missing" => _ = request.headers_mut().remove(API_KEY),
        "api_key_invalid" => set(&mut request, "x-api-key", "no-such-partner"),
        "api_key_invalid_misplaced_token" => set(&mut request, "x-api-key", fixture.secret()),
        "token_missing" => _ = request.headers_mut().remove(AUTHORIZATION),
        "token_invalid" => request = fixture.request_with(&unknown_token()),
        "scope_insufficient" => {
            request =
                fixture.request_with(fixture.issue("guests:read", None).secret.expose_secret());
        }
        "rate_limited" => (0..10).for_each(|_| drop(send(&app, fixture.request()))),
        "quota_exceeded" => return exhaust_quota(&fixture, &app),
        "attempts_exceeded" => fixture.guess(10),
        "unavailable" => fixture.store.set_fault(Fault::Error),
        other => unreachable!("no request for the example {other}"),
    }
    send(&app, request)
}

fn assert_real(documented: &Value, status: &str, name: &str) {
    let real = real(name);
    assert_eq!(real.status().as_str(), status, "{name}");
    let media_type = field(&real, "content-type").unwrap();
    let example = &documented["content"][media_type]["examples"][name]["value"];
    assert_eq!(*example, problem(&real), "{name}");
    for title in FIELDS {
        let example = &documented["headers"][title]["examples"][name]["value"];
        let example =
            example.as_str().map(str::to_owned).or(example.as_u64().map(|it| it.to_string()));
        assert_eq!(example.as_deref(), field(&real, title), "{title} of {name}");
    }
}

#[test]
fn every_example_is_the_response_of_the_router() {
    let document = router(&Fixture::new()).document(Hotel::openapi()).unwrap();
    let document = serde_json::to_value(document).unwrap();
    let mut compared = 0;
    for status in STATUSES {
        let documented = documented(&document, status);
        let examples = &documented["content"]["application/problem+json"]["examples"];
        for name in examples.as_object().unwrap().keys() {
            assert_real(documented, status, name);
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}

#[test]
fn every_member_of_a_refusal_is_in_the_problem_schema() {
    let document = router(&Fixture::new()).document(Hotel::openapi()).unwrap();
    let document = serde_json::to_value(document).unwrap();
    let properties = &document["components"]["schemas"]["Problem"]["properties"];
    for status in STATUSES {
        let content = &documented(&document, status)["content"]["application/problem+json"];
        for example in content["examples"].as_object().unwrap().values() {
            for (member, value) in example["value"].as_object().unwrap() {
                let schema = &properties[member];
                let has_type = match schema["type"].as_str().unwrap() {
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "array" => value.is_array(),
                    other => panic!("{member} is of type {other}"),
                };
                assert!(has_type, "{member}: {value}");
                if let Some(values) = schema["enum"].as_array() {
                    assert!(values.contains(value), "{member}: {value}");
                }
            }
        }
    }
}

#[test]
fn the_fields_of_a_served_request_are_those_of_the_example() {
    let fixture = Fixture::new();
    let document = router(&fixture).document(Hotel::openapi()).unwrap();
    let document = serde_json::to_value(document).unwrap();
    let response = send(&router(&fixture).into_router(), fixture.request());
    assert_eq!(response.status(), 200);
    for title in ["RateLimit-Policy", "RateLimit"] {
        let example = document["components"]["headers"][title]["example"].as_str();
        assert_eq!(example, field(&response, title));
    }
}
