//! `GuardedRouter::document`: the guards of the routes complete the operations of an OpenAPI document.

use crate::support::*;
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::{Denial, Gate, GrpcRefusals, GuardedRouter, RateLimitFields, Verifier};
use dualkey_verify::HeaderNames;
use http::{Method, Response};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

type Router = GuardedRouter<()>;

/// A document of these paths, as a program writes it.
fn described(paths: Value) -> OpenApi {
    let info = json!({ "title": "Hotel", "version": "1" });
    let mut document = json!({ "openapi": "3.1.0", "info": info });
    document["paths"] = paths;
    serde_json::from_value(document).unwrap()
}

/// An operation that only has a response with status 200.
fn operation() -> Value {
    json!({ "summary": "Reads", "responses": { "200": { "description": "The reservations" } } })
}

fn empty(fixture: &Fixture) -> Router {
    GuardedRouter::new(fixture.gate.clone())
}

async fn hello() -> &'static str {
    "hello"
}

fn reading(gate: &Gate, fixture: &Fixture) -> Router {
    let router = GuardedRouter::new(gate.clone());
    router.require(Method::GET, "/reservations", fixture.reads(), hello)
}

fn complete(router: &Router, document: OpenApi) -> Value {
    serde_json::to_value(router.document(document).unwrap()).unwrap()
}

/// The completed document of a router with the route `GET /reservations`.
fn complete_one(router: &Router, operation: Value) -> Value {
    let mut paths = json!({ "/reservations": {} });
    paths["/reservations"]["get"] = operation;
    complete(router, described(paths))
}

fn get<'a>(document: &'a Value, path: &str) -> &'a Value {
    &document["paths"][path]["get"]
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The lists of `OpenApiMismatch`.
fn mismatch(router: &Router, paths: Value) -> (Vec<String>, Vec<String>) {
    let mismatch = router.document(described(paths)).err().unwrap();
    (mismatch.undocumented, mismatch.unrouted)
}

#[test]
fn an_operation_needs_both_credentials_and_its_scopes() {
    let fixture = Fixture::new();
    let document = complete_one(&reading(&fixture.gate, &fixture), operation());
    let read = get(&document, "/reservations");
    let both = json!({ "partnerKey": [], "organizationToken": ["reservations:read"] });
    assert_eq!(read["security"], json!([both]));
    assert_eq!(read["x-required-scopes"], json!({ "all": ["reservations:read"] }));
    assert_eq!(read["summary"], "Reads");
    assert_eq!(document["openapi"], "3.1.0");

    let statuses = ["200", "400", "401", "403", "429", "503"];
    assert_eq!(keys(&read["responses"]), statuses);
    for (status, name) in [
        ("400", "BadRequest"),
        ("401", "Unauthorized"),
        ("429", "TooManyRequests"),
        ("503", "ServiceUnavailable"),
    ] {
        let reference = format!("#/components/responses/{name}");
        assert_eq!(read["responses"][status], json!({ "$ref": reference }));
    }
    let content = &read["responses"]["403"]["content"]["application/problem+json"];
    assert_eq!(content["schema"], json!({ "$ref": "#/components/schemas/Problem" }));
    let problem = &content["examples"]["scope_insufficient"]["value"];
    assert_eq!(problem["required"], json!(["reservations:read"]));
}

#[test]
fn the_schemes_name_fields_prefix_and_scopes() {
    let fixture = Fixture::new();
    let document = complete_one(&reading(&fixture.gate, &fixture), operation());
    let schemes = &document["components"]["securitySchemes"];
    let key = &schemes["partnerKey"];
    assert_eq!(
        (&key["type"], &key["in"], &key["name"]),
        (&json!("apiKey"), &json!("header"), &json!("X-Api-Key"))
    );
    let token = &schemes["organizationToken"];
    assert_eq!((&token["type"], &token["scheme"]), (&json!("http"), &json!("bearer")));
    assert_eq!(token["bearerFormat"], "gw_…");
    let description = token["description"].as_str().unwrap();
    assert!(description.contains("- `guests:read`: Guests - Read"), "{description}");
}

#[test]
fn the_schemes_have_the_header_names_of_the_verifier() {
    let fixture = Fixture::new();
    let names =
        HeaderNames { api_key: "x-partner".parse().unwrap(), token: "x-token".parse().unwrap() };
    let verifier = Verifier::builder(fixture.registry.clone()).header_names(names).build();
    let document = complete_one(&reading(&Gate::new(verifier), &fixture), operation());
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["partnerKey"]["name"], "X-Partner");
    let token = &schemes["organizationToken"];
    assert_eq!((&token["type"], &token["name"]), (&json!("apiKey"), &json!("X-Token")));
    let description = token["description"].as_str().unwrap();
    assert!(description.contains("`Bearer gw_…`"), "{description}");
    let text = document.to_string();
    assert!(!text.contains("X-Api-Key"), "{text}");
}

#[test]
fn one_of_several_scopes_is_an_alternative_each() {
    let fixture = Fixture::new();
    let scopes = ["reservations:read", "guests:read"];
    let either = fixture.registry.catalogue().require_any(scopes).unwrap();
    let router = empty(&fixture).require(Method::GET, "/reservations", either, hello);
    let document = complete_one(&router, operation());
    let read = get(&document, "/reservations");
    let alternative = |scope| json!({ "partnerKey": [], "organizationToken": [scope] });
    assert_eq!(read["security"], json!(scopes.map(alternative)));
    assert_eq!(read["x-required-scopes"], json!({ "any": scopes }));
    assert_eq!(
        read["responses"]["403"]["description"],
        "The access token lacks a scope that the operation requires."
    );
}

#[test]
fn an_operation_for_any_token_has_no_403() {
    let fixture = Fixture::new();
    let router = empty(&fixture).require(Method::GET, "/reservations", Requirement::NONE, hello);
    let document = complete_one(&router, operation());
    let read = get(&document, "/reservations");
    assert_eq!(read["security"], json!([{ "partnerKey": [], "organizationToken": [] }]));
    assert_eq!(read["x-required-scopes"], json!({ "all": [] }));
    assert_eq!(keys(&read["responses"]), ["200", "400", "401", "429", "503"]);
}

#[test]
fn a_closed_route_is_not_described_as_public() {
    let fixture = Fixture::new();
    let router =
        empty(&fixture).require(Method::GET, "/reservations", Requirement::DENY_ALL, hello);
    let document = complete_one(&router, operation());
    let read = get(&document, "/reservations");
    assert_eq!(read["security"], json!([{ "partnerKey": [], "organizationToken": [] }]));
    assert_eq!(read["x-required-scopes"], json!({ "any": [] }));
    assert!(read["responses"]["403"].is_object());
}

#[test]
fn an_optional_route_also_needs_nothing() {
    let fixture = Fixture::new();
    let router = empty(&fixture).optional(Method::GET, "/reservations", fixture.reads(), hello);
    let document = complete_one(&router, operation());
    let read = get(&document, "/reservations");
    let both = json!({ "partnerKey": [], "organizationToken": ["reservations:read"] });
    assert_eq!(read["security"], json!([both, {}]));
    assert_eq!(keys(&read["responses"]), ["200", "400", "401", "403", "429", "503"]);
}

#[test]
fn a_public_route_needs_nothing_and_keeps_its_responses() {
    let fixture = Fixture::new();
    let router = empty(&fixture).public(Method::GET, "/reservations", hello);
    let document = complete_one(&router, operation());
    let mut expected = operation();
    expected["security"] = json!([]);
    assert_eq!(*get(&document, "/reservations"), expected);

    let mut session = operation();
    session["security"] = json!([{ "session": [] }]);
    let document = complete_one(&router, session.clone());
    assert_eq!(*get(&document, "/reservations"), session);
}

#[test]
fn every_response_of_the_program_has_the_rate_limit_fields() {
    let fixture = Fixture::new();
    let mut read = operation();
    let tagged =
        json!({ "description": "Gone", "headers": { "ratelimit": { "description": "Ours" } } });
    read["responses"]["404"] = json!({ "description": "No such reservation" });
    read["responses"]["410"] = tagged;
    let document = complete_one(&reading(&fixture.gate, &fixture), read);
    let responses = &get(&document, "/reservations")["responses"];
    for status in ["200", "404"] {
        let reference = json!({ "$ref": "#/components/headers/RateLimit" });
        assert_eq!(responses[status]["headers"]["RateLimit"], reference);
        let reference = json!({ "$ref": "#/components/headers/RateLimit-Policy" });
        assert_eq!(responses[status]["headers"]["RateLimit-Policy"], reference);
    }
    assert_eq!(keys(&responses["410"]["headers"]), ["RateLimit-Policy", "ratelimit"]);
    let fields = &document["components"]["headers"];
    let policy = r#""burst";q=10;w=2, "daily";q=10000;w=86400"#;
    assert_eq!(fields["RateLimit-Policy"]["example"], policy);
    assert_eq!(fields["RateLimit"]["example"], r#""burst";r=9;t=2, "daily";r=9999;t=43200"#);
}

#[test]
fn the_rate_limit_fields_are_those_of_the_gate() {
    let fixture = Fixture::new();
    let of = |fields| {
        let gate = fixture.gate.clone().with_rate_limit_fields(fields);
        complete_one(&reading(&gate, &fixture), operation())
    };
    let draft7 = of(RateLimitFields::Draft7);
    let fields = &draft7["components"]["headers"];
    assert_eq!(fields["RateLimit-Policy"]["example"], "10;w=2, 10000;w=86400");
    assert_eq!(fields["RateLimit"]["example"], "limit=10, remaining=9, reset=2");
    let off = of(RateLimitFields::Off);
    assert!(!off.to_string().contains("RateLimit"), "{off}");
}

#[test]
fn a_response_of_the_program_is_kept_and_completed() {
    let fixture = Fixture::new();
    let mut read = operation();
    let own = json!({ "$ref": "#/components/schemas/Invalid" });
    read["responses"]["400"] = json!({
        "description": "A parameter is not valid.",
        "content": { "application/problem+json": { "schema": own, "example": { "code": "ours" } } },
    });
    let document = complete_one(&reading(&fixture.gate, &fixture), read);
    let response = &get(&document, "/reservations")["responses"]["400"];
    assert_eq!(response["description"], "A parameter is not valid.");
    assert_eq!(keys(&response["headers"]), ["RateLimit", "RateLimit-Policy", "WWW-Authenticate"]);
    let content = &response["content"]["application/problem+json"];
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    assert_eq!(content["schema"], json!({ "anyOf": [own, problem] }));
    let examples = ["example", "header_repeated_api_key", "header_repeated_token"];
    assert_eq!(keys(&content["examples"]), examples);
    assert_eq!(content["examples"]["example"]["value"], json!({ "code": "ours" }));
    assert_eq!(content.get("example"), None);
}

#[test]
fn a_response_of_another_media_type_is_kept_beside() {
    let fixture = Fixture::new();
    let mut read = operation();
    read["responses"]["4XX"] = json!({ "description": "Text", "content": { "text/plain": {} } });
    read["responses"]["default"] = json!({ "description": "Any", "content": { "text/html": {} } });
    let document = complete_one(&reading(&fixture.gate, &fixture), read);
    let responses = &get(&document, "/reservations")["responses"];
    for (status, description, own) in
        [("401", "Text", "text/plain"), ("429", "Text", "text/plain"), ("503", "Any", "text/html")]
    {
        assert_eq!(responses[status]["description"], description);
        let mut types = keys(&responses[status]["content"]);
        types.sort_unstable();
        assert_eq!(types, ["application/problem+json", own]);
    }
    assert_eq!(keys(&responses["4XX"]["content"]), ["text/plain"]);
}

#[test]
fn a_referenced_response_is_copied_before_it_is_completed() {
    let fixture = Fixture::new();
    let router = reading(&fixture.gate, &fixture).public(Method::GET, "/open", hello);
    let reference = json!({ "$ref": "#/components/responses/Names" });
    let refers = json!({ "responses": { "200": reference } });
    let paths = json!({ "/reservations": { "get": refers }, "/open": { "get": refers } });
    let mut document = described(paths);
    let names = json!({ "description": "Names" });
    let components = json!({ "responses": { "Names": names } });
    document.components = serde_json::from_value(components).unwrap();
    let document = complete(&router, document);
    let response = &get(&document, "/reservations")["responses"]["200"];
    assert_eq!(response["description"], "Names");
    assert_eq!(keys(&response["headers"]), ["RateLimit", "RateLimit-Policy"]);
    assert_eq!(get(&document, "/open")["responses"]["200"], reference);
    assert_eq!(document["components"]["responses"]["Names"], names);
}

#[test]
fn components_of_the_program_keep_their_names() {
    let fixture = Fixture::new();
    let mut document = described(json!({ "/reservations": { "get": operation() } }));
    let components = json!({
        "schemas": { "Problem": { "type": "object", "description": "Ours" } },
        "responses": { "Unauthorized": { "description": "Ours" } },
        "securitySchemes": { "partnerKey": { "type": "http", "scheme": "basic" } },
    });
    document.components = serde_json::from_value(components.clone()).unwrap();
    let document = complete(&reading(&fixture.gate, &fixture), document);
    for kind in ["schemas", "responses", "securitySchemes"] {
        for name in keys(&components[kind]) {
            assert_eq!(document["components"][kind][name], components[kind][name]);
        }
    }
    let read = get(&document, "/reservations");
    assert_eq!(read["responses"]["401"], json!({ "$ref": "#/components/responses/Unauthorized2" }));
    assert_eq!(keys(&read["security"][0]), ["organizationToken", "partnerKey2"]);
}

#[test]
fn the_problem_schema_lists_each_code_once() {
    let fixture = Fixture::new();
    let document = complete_one(&reading(&fixture.gate, &fixture), operation());
    let problem = &document["components"]["schemas"]["Problem"];
    let mut codes: Vec<_> = problem["properties"]["code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Value::as_str)
        .collect();
    codes.sort_unstable();
    let all = [
        "api_key_invalid",
        "api_key_missing",
        "attempts_exceeded",
        "header_repeated",
        "method_not_allowed",
        "quota_exceeded",
        "rate_limited",
        "scope_insufficient",
        "token_invalid",
        "token_missing",
        "unavailable",
    ];
    assert_eq!(codes, all);
    assert_eq!(problem["required"], json!(["type", "title", "status", "detail", "code"]));
}

#[test]
fn a_route_without_an_operation_is_a_mismatch() {
    let fixture = Fixture::new();
    let router = reading(&fixture.gate, &fixture).public(Method::POST, "/reservations", hello);
    let found = mismatch(&router, json!({ "/reservations": { "get": operation() } }));
    assert_eq!(found, (vec!["POST /reservations".to_owned()], vec![]));
}

#[test]
fn an_operation_without_a_route_is_a_mismatch() {
    let fixture = Fixture::new();
    let router = reading(&fixture.gate, &fixture);
    let paths = json!({
        "/reservations": { "get": operation(), "delete": operation() },
        "/guests/{id}": { "head": operation() },
    });
    let unrouted = ["DELETE /reservations", "HEAD /guests/{id}"].map(str::to_owned).to_vec();
    assert_eq!(mismatch(&router, paths), (vec![], unrouted));
}

#[test]
fn a_mismatch_says_what_differs_and_what_to_do() {
    let fixture = Fixture::new();
    let paths = json!({ "/guests": { "get": operation(), "put": operation() } });
    let router = reading(&fixture.gate, &fixture);
    let mismatch = router.document(described(paths)).err().unwrap();
    let text = "the routes and the OpenAPI document differ; routes without an operation: GET /reservations \
                (add their operations to the document); operations without a route: GET /guests, PUT /guests \
                (declare their routes in the guarded router, or merge the document of what is served beside \
                it into the completed one)";
    assert_eq!(mismatch.to_string(), text);
}

#[test]
fn get_covers_head_and_connect_needs_no_operation() {
    let fixture = Fixture::new();
    let router = reading(&fixture.gate, &fixture).public(Method::CONNECT, "/reservations", hello);
    let paths = json!({ "/reservations": { "get": operation(), "head": operation() } });
    let document = complete(&router, described(paths));
    let path = &document["paths"]["/reservations"];
    assert_eq!(keys(path), ["get", "head"]);
    assert_eq!(path["head"]["security"], path["get"]["security"]);
    let only_head = json!({ "/reservations": { "head": operation() } });
    let undocumented = vec!["GET /reservations".to_owned()];
    assert_eq!(mismatch(&router, only_head), (undocumented, vec![]));
}

#[test]
fn merged_and_nested_routes_belong_to_the_document() {
    let fixture = Fixture::new();
    let nested = reading(&fixture.gate, &fixture);
    let files = empty(&fixture).public(Method::GET, "/files/{*path}", hello);
    let router = empty(&fixture).nest("/v1", nested).merge(files);
    let paths = json!({
        "/v1/reservations": { "get": operation() },
        "/files/{path}": { "get": operation() },
    });
    let document = complete(&router, described(paths));
    assert_eq!(get(&document, "/v1/reservations")["security"].as_array().unwrap().len(), 1);
    assert_eq!(get(&document, "/files/{path}")["security"], json!([]));
}

#[test]
fn routes_of_another_gate_have_their_own_components() {
    let fixture = Fixture::new();
    let names = HeaderNames::default().with_api_key("x-partner".parse().unwrap());
    let verifier = Verifier::builder(fixture.registry.clone()).header_names(names).build();
    let other = Gate::new(verifier).with_realm("other");
    let other = GuardedRouter::new(other).require(Method::GET, "/other", Requirement::NONE, hello);
    let paths =
        json!({ "/reservations": { "get": operation() }, "/other": { "get": operation() } });
    let document = complete(&reading(&fixture.gate, &fixture).merge(other), described(paths));
    let of = |path: &str| {
        let reference = get(&document, path)["responses"]["401"]["$ref"].as_str().unwrap();
        document.pointer(&reference[1..]).unwrap()
    };
    assert!(!of("/reservations").to_string().contains("X-Partner"));
    assert!(of("/other").to_string().contains("X-Partner"));
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(keys(schemes), ["organizationToken", "partnerKey", "partnerKey2"]);
}

#[test]
fn a_mapped_body_is_an_example_without_a_schema() {
    let fixture = Fixture::new();
    let plain = |denial: &Denial, refusal: Response<Bytes>| {
        let mut refusal = refusal.map(|_problem| Bytes::from(denial.code()));
        refusal.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        refusal
    };
    let gate = fixture.gate.clone().with_refusal_mapper(plain);
    let document = complete_one(&reading(&gate, &fixture), operation());
    let unauthorized = &document["components"]["responses"]["Unauthorized"];
    let content = &unauthorized["content"]["text/plain"];
    assert_eq!(content["examples"]["token_missing"]["value"], "token_missing");
    assert_eq!((content.get("schema"), document["components"].get("schemas")), (None, None));
}

#[test]
fn refusals_of_grpc_are_responses_with_status_200() {
    let fixture = Fixture::new();
    let gate = fixture.gate.clone().with_refusal_mapper(GrpcRefusals);
    let document = complete_one(&reading(&gate, &fixture), operation());
    let responses = &get(&document, "/reservations")["responses"];
    assert_eq!(keys(responses), ["200"]);
    assert_eq!(responses["200"]["description"], "The reservations");
    assert!(responses["200"]["headers"]["Retry-After"].is_object());
}

#[test]
fn a_document_of_other_operations_can_be_merged() {
    let fixture = Fixture::new();
    let router = reading(&fixture.gate, &fixture);
    let guarded = described(json!({ "/reservations": { "get": operation() } }));
    let beside = described(json!({ "/openapi.json": { "get": operation() } }));
    let document = router.document(guarded).unwrap().merge_from(beside);
    let document = serde_json::to_value(document).unwrap();
    assert_eq!(*get(&document, "/openapi.json"), operation());
    assert_eq!(keys(&document["components"]["headers"]), ["RateLimit", "RateLimit-Policy"]);
}
