//! The scope that each endpoint requires.

use std::sync::Arc;
use std::time::Duration;

use dualkey::{Clock as _, FakeClock, Registry, Store};
use dualkey_testing::{FaultyStore, NOON};
use guestway::PREFIX;
use hyper::Method;

use crate::support::api::Api;

const GET: Method = Method::GET;
const PATCH: Method = Method::PATCH;
const POST: Method = Method::POST;

/// Every endpoint with the scope that it requires, and a valid body.
const SCOPED: [(Method, &str, &str, Option<&str>); 20] = [
    (GET, "/v1/organization/users", "organization-users:read", None),
    (GET, "/v1/reservations", "reservations:read", None),
    (GET, "/v1/reservations/{id}", "reservations:read", None),
    (GET, "/v1/reservations/{id}/accesses", "reservation-accesses:read", None),
    (GET, "/v1/bookings", "bookings:read", None),
    (GET, "/v1/pre-check-in-responses", "pre-check-in-responses:read", None),
    (GET, "/v1/conversations", "conversations:read", None),
    (GET, "/v1/conversations/{id}", "conversations:read", None),
    (PATCH, "/v1/conversations/{id}", "conversations:edit", Some(r#"{"status":"open"}"#)),
    (GET, "/v1/conversations/{id}/messages", "conversations:read", None),
    (POST, "/v1/conversations/{id}/messages", "messages:send", Some(r#"{"text":"Hello"}"#)),
    (GET, "/v1/whatsapp-templates", "whatsapp-templates:read", None),
    (GET, "/v1/guests", "guests:read", None),
    (GET, "/v1/owners", "owners:read", None),
    (GET, "/v1/listings", "listings:read", None),
    (GET, "/v1/multi-units", "multi-units:read", None),
    (GET, "/v1/complexes", "complexes:read", None),
    (GET, "/v1/custom-fields", "custom-fields:read", None),
    (PATCH, "/v1/custom-fields/{id}", "custom-fields:edit", Some(r#"{"name":"Wi-Fi"}"#)),
    (GET, "/v1/organization", "", None), // any valid token
];

/// The rules of the product's documentation, written independently of the catalogue.
fn suffices(held: &str, needed: &str) -> bool {
    match held {
        "full:edit" => true,
        "full:read" => needed.ends_with(":read") || needed.is_empty(),
        held => needed.is_empty() || held == needed || held.replace(":edit", ":read") == needed,
    }
}

#[tokio::test]
async fn each_endpoint_accepts_exactly_the_sufficient_scopes() {
    let api = Api::start().await;
    let everything = api.caller("harbour-stays", &["full:edit"]).await;
    for scope in guestway::catalogue().scopes() {
        let caller = api.caller("harbour-stays", &[scope.name()]).await;
        for (method, path, needed, body) in &SCOPED {
            let about = format!("{method} {path} with {}", scope.name());
            let path = everything.resolve(path).await;
            let answer = caller.send(method.clone(), &path, *body).await;
            if suffices(scope.name(), needed) {
                let expected = if *method == POST { 201 } else { 200 };
                assert_eq!(answer.status, expected, "{about}: {}", answer.body);
            } else {
                answer.assert_problem(403, "scope_insufficient", &about);
                assert_eq!(answer.body["required"], serde_json::json!([needed]), "{about}");
            }
        }
    }
}

#[tokio::test]
async fn the_api_is_ready_once_warm_and_while_the_store_is_up() {
    let (store, clock) = (Arc::new(FaultyStore::new()), FakeClock::new(NOON));
    let shared: Arc<dyn Store> = Arc::<FaultyStore>::clone(&store);
    let registry = Registry::new(guestway::catalogue(), PREFIX, shared, Arc::new(clock.clone()));
    let api = Api::start_on(registry).await;
    let readiness = async || api.send_anonymously(GET, "/readyz").await;
    readiness().await.assert_problem(503, "not_ready", "before the warm-up");
    api.verifier.warm_up().await.unwrap();
    store.changes().advance_watermark(clock.now());
    assert_eq!(readiness().await.status, 200);
    clock.advance(Duration::from_secs(5));
    assert_eq!(readiness().await.status, 200, "the feed has read within `max_staleness`");
    clock.advance(Duration::from_nanos(1));
    readiness().await.assert_problem(503, "not_ready", "the feed does not read");
    store.changes().advance_watermark(clock.now());
    assert_eq!(readiness().await.status, 200);
}

#[tokio::test]
async fn without_credentials_only_the_health_checks_answer() {
    let api = Api::start().await;
    api.verifier.warm_up().await.unwrap();
    assert_eq!(api.send_anonymously(GET, "/healthz").await.status, 200);
    assert_eq!(api.send_anonymously(GET, "/readyz").await.status, 200);
    for (method, path, ..) in &SCOPED {
        let answer = api.send_anonymously(method.clone(), path).await;
        answer.assert_problem(401, "api_key_missing", path);
    }
}

#[tokio::test]
async fn scopes_add_up() {
    let api = Api::start().await;
    let caller = api.caller("harbour-stays", &["guests:read", "owners:read"]).await;
    caller.get("/v1/guests").await;
    caller.get("/v1/owners").await;
    let answer = caller.send(GET, "/v1/listings", None).await;
    answer.assert_problem(403, "scope_insufficient", "neither");
}

#[tokio::test]
async fn head_requires_the_scope_of_get() {
    let api = Api::start().await;
    let caller = api.caller("harbour-stays", &["guests:read"]).await;
    let answer = caller.send(Method::HEAD, "/v1/guests", None).await;
    assert_eq!((answer.status.as_u16(), answer.body.is_null()), (200, true));
    assert_eq!(caller.send(Method::HEAD, "/v1/owners", None).await.status, 403);
}

#[tokio::test]
async fn a_method_without_an_endpoint_is_refused() {
    let api = Api::start().await;
    let caller = api.caller("harbour-stays", &["full:edit"]).await;
    for method in [Method::DELETE, Method::PUT, Method::OPTIONS] {
        let answer = caller.send(method.clone(), "/v1/guests", None).await;
        assert!(answer.status.is_client_error(), "{method}: {}", answer.status);
    }
    caller.send(GET, "/v1/nowhere", None).await.assert_problem(404, "not_found", "no endpoint");
}
