//! Each organization has its own data.

use std::collections::HashSet;

use crate::support::api::{Api, Caller};
use hyper::Method;
use serde_json::Value;

pub(crate) const LISTS: [&str; 12] = [
    "/v1/organization/users",
    "/v1/reservations",
    "/v1/bookings",
    "/v1/pre-check-in-responses",
    "/v1/conversations",
    "/v1/whatsapp-templates",
    "/v1/guests",
    "/v1/owners",
    "/v1/listings",
    "/v1/multi-units",
    "/v1/complexes",
    "/v1/custom-fields",
];

/// Every endpoint with an id in its path, with a valid body.
const BY_ID: [(Method, &str, Option<&str>); 7] = [
    (Method::GET, "/v1/reservations/{id}", None),
    (Method::GET, "/v1/reservations/{id}/accesses", None),
    (Method::GET, "/v1/conversations/{id}", None),
    (Method::PATCH, "/v1/conversations/{id}", Some(r#"{"status":"closed"}"#)),
    (Method::GET, "/v1/conversations/{id}/messages", None),
    (Method::POST, "/v1/conversations/{id}/messages", Some(r#"{"text":"Hello"}"#)),
    (Method::PATCH, "/v1/custom-fields/{id}", Some(r#"{"name":"Theirs"}"#)),
];

fn ids(records: &[Value]) -> impl Iterator<Item = String> {
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned())
}

async fn everything(caller: &Caller<'_>) -> Vec<Value> {
    let mut lists = vec![caller.get("/v1/organization").await];
    for path in LISTS {
        lists.extend(caller.list(path).await);
    }
    for path in ["/v1/reservations/{id}/accesses", "/v1/conversations/{id}/messages"] {
        lists.extend(caller.list(&caller.resolve(path).await).await);
    }
    lists
}

#[tokio::test]
async fn two_organizations_share_no_record() {
    let api = Api::start().await;
    let mut seen = HashSet::new();
    for organization in ["harbour-stays", "alpine-homes", "acme", "acme2", "ümlaut / ../&"] {
        let caller = api.caller(organization, &["full:read"]).await;
        let organization_record = caller.get("/v1/organization").await;
        assert_eq!(organization_record["id"], organization);
        for id in ids(&everything(&caller).await) {
            assert!(seen.insert(id.clone()), "{organization}: {id}");
        }
    }
}

#[tokio::test]
async fn foreign_and_missing_records_get_the_same_answer() {
    let api = Api::start().await;
    let ours = api.caller("harbour-stays", &["full:edit"]).await;
    let theirs = api.caller("alpine-homes", &["full:edit"]).await;
    let before = everything(&theirs).await;
    for (method, path, body) in BY_ID {
        let about = format!("{method} {path}");
        let foreign = ours.send(method.clone(), &theirs.resolve(path).await, body).await;
        foreign.assert_problem(404, "not_found", &about);
        let unknown = ours.send(method, &path.replace("{id}", "unknown"), body).await;
        assert_eq!(foreign.body, unknown.body, "{about}");
    }
    assert_eq!(everything(&theirs).await, before);
}

#[tokio::test]
async fn an_id_of_another_kind_or_a_malformed_id_is_not_found() {
    let api = Api::start().await;
    let caller = api.caller("harbour-stays", &["full:edit"]).await;
    let guest = caller.first_id("/v1/guests").await;
    let long = "a".repeat(4_000);
    for id in [&guest, "%ff", "%00", "%2e%2e", "%2F", ".", "🏠", &long] {
        let path = format!("/v1/reservations/{id}").replace('🏠', "%F0%9F%8F%A0");
        let answer = caller.send(Method::GET, &path, None).await;
        answer.assert_problem(404, "not_found", &path);
    }
}

#[tokio::test]
async fn all_tokens_of_an_organization_see_the_same_records() {
    let api = Api::start().await;
    let one = everything(&api.caller("acme", &["full:read"]).await).await;
    let other = everything(&api.caller("acme", &["full:edit"]).await).await;
    assert_eq!(one, other);
}

#[tokio::test]
async fn every_id_that_a_record_refers_to_exists() {
    let api = Api::start().await;
    for organization in ["harbour-stays", "alpine-homes", "acme"] {
        let caller = api.caller(organization, &["full:read"]).await;
        let records = everything(&caller).await;
        let known: HashSet<_> = ids(&records).collect();
        for record in &records {
            for (field, value) in record.as_object().unwrap() {
                let single = value.as_str().filter(|_| field.ends_with("Id"));
                let several = value.as_array().filter(|_| field.ends_with("Ids"));
                let referred = several.into_iter().flatten().filter_map(Value::as_str);
                for id in referred.chain(single) {
                    assert!(known.contains(id), "{field} of {record}");
                }
            }
        }
    }
}
