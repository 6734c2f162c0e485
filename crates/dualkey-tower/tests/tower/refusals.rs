//! The status, the fields and the problem of each refusal.

use crate::support::*;
use bytes::Bytes;
use dualkey_limit::Rate;
use dualkey_testing::Fault;
use dualkey_tower::{Denial, Gate, GrpcRefusals, Verifier};
use dualkey_verify::HeaderNames;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use serde_json::{Value, json};

const CODES: [&str; 10] = [
    "api_key_missing",
    "api_key_invalid",
    "token_missing",
    "header_repeated",
    "token_invalid",
    "scope_insufficient",
    "rate_limited",
    "quota_exceeded",
    "attempts_exceeded",
    "unavailable",
];

/// A fixture, and a request that it refuses with this code.
fn refused_request(code: &str) -> (Fixture, Request<Body>) {
    let fixture = match code {
        "quota_exceeded" => Fixture::with_policy(daily(Rate::per_second(number(5)), 10, 3)),
        _ => Fixture::new(),
    };
    let mut request = fixture.request();
    match code {
        "api_key_missing" => _ = request.headers_mut().remove(API_KEY),
        "api_key_invalid" => set(&mut request, "x-api-key", "no-such-partner"),
        "token_missing" => _ = request.headers_mut().remove(AUTHORIZATION),
        "header_repeated" => repeat(&mut request, "authorization"),
        "token_invalid" => request = fixture.request_with(&unknown_token()),
        "scope_insufficient" => {
            let token = fixture.issue("guests:read", None);
            request = fixture.request_with(token.secret.expose_secret());
        }
        "rate_limited" => _ = fixture.pass(10),
        "quota_exceeded" => _ = fixture.pass(3),
        "attempts_exceeded" => fixture.guess(10),
        "unavailable" => fixture.store.set_fault(Fault::Error),
        _ => unreachable!("no such code"),
    }
    (fixture, request)
}

fn refused(code: &str) -> Response<Bytes> {
    refused_by(code, |gate| gate)
}

fn refused_by(code: &str, settings: impl FnOnce(Gate) -> Gate) -> Response<Bytes> {
    let (mut fixture, request) = refused_request(code);
    fixture.gate = settings(fixture.gate);
    fixture.send(request)
}

/// A row of the table, without its code.
struct Row {
    status: u16,
    challenge: Option<&'static str>,
    retry_after: Option<&'static str>,
    /// The members of the problem that only some refusals have.
    more: Value,
}

#[track_caller]
fn assert_row(answer: &Response<Bytes>, code: &str, row: &Row) {
    assert_eq!(answer.status(), row.status);
    assert_eq!(field(answer, "www-authenticate"), row.challenge);
    assert_eq!(field(answer, "retry-after"), row.retry_after);
    assert_eq!(field(answer, "cache-control"), Some("no-store"));
    assert_eq!(field(answer, "content-length"), Some(&*answer.body().len().to_string()));

    let mut problem = problem(answer);
    let detail = problem.as_object_mut().unwrap().remove("detail").unwrap();
    assert!(detail.as_str().unwrap().ends_with('.'), "{detail} is not a sentence");
    let kind = match row.status {
        429 => "https://iana.org/assignments/http-problem-types#quota-exceeded",
        _ => "about:blank",
    };
    let title = answer.status().canonical_reason();
    let mut expected = json!({ "type": kind, "title": title, "status": row.status, "code": code });
    expected.as_object_mut().unwrap().append(&mut row.more.as_object().unwrap().clone());
    assert_eq!(problem, expected);
}

#[track_caller]
fn assert_refused(code: &str, row: &Row) {
    assert_row(&refused(code), code, row);
}

const API_KEY_CHALLENGE: &str = r#"ApiKey realm="api", in="header", name="X-Api-Key""#;

#[test]
fn a_missing_api_key_gets_a_challenge() {
    let challenge = Some(API_KEY_CHALLENGE);
    let row = Row { status: 401, challenge, retry_after: None, more: json!({}) };
    assert_refused("api_key_missing", &row);
}

#[test]
fn an_unknown_api_key_gets_the_same_challenge() {
    let challenge = Some(API_KEY_CHALLENGE);
    let row = Row { status: 401, challenge, retry_after: None, more: json!({}) };
    assert_refused("api_key_invalid", &row);
}

#[test]
fn a_missing_token_gets_a_challenge_without_an_error_code() {
    let challenge = Some(r#"Bearer realm="api""#);
    let row = Row { status: 401, challenge, retry_after: None, more: json!({}) };
    assert_refused("token_missing", &row);
}

#[test]
fn a_repeated_authorization_is_an_invalid_request() {
    let challenge = Some(r#"Bearer realm="api", error="invalid_request""#);
    let more = json!({ "field": "Authorization" });
    assert_refused("header_repeated", &Row { status: 400, challenge, retry_after: None, more });
}

#[test]
fn a_repeated_api_key_is_an_invalid_request_without_a_challenge() {
    let fixture = Fixture::new();
    let mut request = fixture.request();
    repeat(&mut request, "x-api-key");
    let more = json!({ "field": "X-Api-Key" });
    let row = Row { status: 400, challenge: None, retry_after: None, more };
    assert_row(&fixture.send(request), "header_repeated", &row);
}

#[test]
fn an_invalid_token_gets_an_invalid_token_challenge() {
    let challenge = Some(r#"Bearer realm="api", error="invalid_token""#);
    let row = Row { status: 401, challenge, retry_after: None, more: json!({}) };
    assert_refused("token_invalid", &row);
}

#[test]
fn a_missing_scope_gets_the_scopes_that_the_route_requires() {
    let challenge =
        Some(r#"Bearer realm="api", error="insufficient_scope", scope="reservations:read""#);
    let more = json!({ "required": ["reservations:read"] });
    assert_refused("scope_insufficient", &Row { status: 403, challenge, retry_after: None, more });
}

#[test]
fn all_scopes_of_the_route_are_listed_and_no_others() {
    let fixture = Fixture::new();
    let names = ["reservations:write", "guests:read"];
    let requirement = fixture.registry.catalogue().require_all(names).unwrap();
    let answer = send_to(&fixture.gate.require(requirement), fixture.request());
    assert_eq!(problem(&answer)["required"], json!(names));
    let challenge = field(&answer, "www-authenticate").unwrap();
    assert!(challenge.ends_with(r#", scope="reservations:write guests:read""#), "{challenge}");
}

#[test]
fn an_exhausted_burst_is_refused_for_whole_seconds() {
    let (challenge, more) = (None, json!({ "violated-policies": ["burst"] }));
    assert_refused("rate_limited", &Row { status: 429, challenge, retry_after: Some("1"), more });
}

#[test]
fn an_exhausted_daily_quota_is_refused_until_it_resets() {
    let (challenge, more) = (None, json!({ "violated-policies": ["daily"] }));
    let row = Row { status: 429, challenge, retry_after: Some("43200"), more };
    assert_refused("quota_exceeded", &row);
}

#[test]
fn exhausted_attempts_refuse_good_tokens_that_are_not_cached() {
    let (challenge, more) = (None, json!({ "violated-policies": ["attempts"] }));
    let row = Row { status: 429, challenge, retry_after: Some("1"), more };
    assert_refused("attempts_exceeded", &row);
}

#[test]
fn a_store_that_does_not_answer_is_a_503() {
    let (challenge, retry_after) = (None, Some("1"));
    assert_refused("unavailable", &Row { status: 503, challenge, retry_after, more: json!({}) });
}

#[test]
fn three_problems_match_byte_for_byte() {
    let base = |gate: Gate| gate.with_problem_type_base("https://example.com/problems");
    assert_eq!(
        refused("api_key_missing").body(),
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Send your partner key with every request.","code":"api_key_missing"}"#
    );
    assert_eq!(
        refused_by("scope_insufficient", base).body(),
        r#"{"type":"https://example.com/problems#scope_insufficient","title":"Forbidden","status":403,"detail":"The access token lacks a permission that this request needs.","code":"scope_insufficient","required":["reservations:read"]}"#
    );
    assert_eq!(
        refused_by("rate_limited", base).body(),
        r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Too Many Requests","status":429,"detail":"Too many requests at once: slow down.","code":"rate_limited","violated-policies":["burst"]}"#
    );
}

#[test]
fn problem_types_have_the_base_except_the_registered_one() {
    for code in CODES {
        let base = |gate: Gate| gate.with_problem_type_base("/problems");
        let answer = refused_by(code, base);
        let kind = match answer.status().as_u16() {
            429 => "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned(),
            _ => format!("/problems#{code}"),
        };
        assert_eq!(problem(&answer)["type"], kind);
    }
}

#[test]
fn a_refusal_of_a_misplaced_token_names_the_right_field() {
    let fixture = Fixture::new();
    let mut request = fixture.request();
    set(&mut request, "x-api-key", fixture.secret());
    let answer = fixture.send(request);
    let row =
        Row { status: 401, challenge: Some(API_KEY_CHALLENGE), retry_after: None, more: json!({}) };
    assert_row(&answer, "api_key_invalid", &row);
    assert!(problem(&answer)["detail"].as_str().unwrap().contains("Authorization"));
}

#[test]
fn a_bad_api_key_is_answered_before_the_token_is_read() {
    for code in ["api_key_missing", "api_key_invalid"] {
        let (fixture, mut request) = refused_request(code);
        repeat(&mut request, "authorization");
        assert_eq!(outcome(&fixture.send(request)), code);
    }
}

#[test]
fn head_gets_the_fields_of_get_without_a_body() {
    for code in CODES {
        let (fixture, mut request) = refused_request(code);
        *request.method_mut() = Method::HEAD;
        let (head, get) = (fixture.send(request), refused(code));
        assert_eq!(head.body(), "");
        assert_eq!(head.status(), get.status());
        assert_eq!(head.headers(), get.headers(), "{code}");
    }
}

#[test]
fn the_denial_is_in_the_extensions() {
    for code in CODES {
        for answer in
            [refused(code), refused_by(code, |fixture| fixture.with_refusal_mapper(GrpcRefusals))]
        {
            assert_eq!(answer.extensions().get::<Denial>().unwrap().code(), code);
        }
    }
}

#[test]
fn a_mapped_refusal_has_its_own_length_and_keeps_the_rest() {
    let plain = |denial: &Denial, refusal: Response<Bytes>| {
        assert_eq!(refusal.status(), denial.status());
        refusal.map(|problem| Bytes::from(format!("{}: {}", denial.code(), problem.len())))
    };
    for code in CODES {
        let (plain, problem) =
            (refused_by(code, |fixture| fixture.with_refusal_mapper(plain)), refused(code));
        assert_eq!(plain.body(), &format!("{code}: {}", problem.body().len()));
        assert_eq!(field(&plain, "content-length"), Some(&*plain.body().len().to_string()));
        assert_eq!(field(&plain, "www-authenticate"), field(&problem, "www-authenticate"));
        assert_eq!(field(&plain, "retry-after"), field(&problem, "retry-after"));
        assert_eq!(rate_limit(&plain), rate_limit(&problem));
    }
}

#[test]
fn refusals_for_grpc_have_trailers_only() {
    for code in CODES {
        let answer = refused_by(code, |gate| gate.with_refusal_mapper(GrpcRefusals));
        let status = match code {
            "scope_insufficient" => "7",
            "rate_limited" | "quota_exceeded" | "attempts_exceeded" => "8",
            "unavailable" => "14",
            _ => "16",
        };
        assert_eq!((answer.status().as_u16(), &**answer.body()), (200, &b""[..]));
        assert_eq!(field(&answer, "content-type"), Some("application/grpc"));
        assert_eq!(field(&answer, "grpc-status"), Some(status), "{code}");
        assert_eq!(field(&answer, "grpc-message"), Some(code));
    }
}

#[test]
fn a_realm_keeps_only_characters_that_need_no_escape() {
    let realm = |gate: Gate| gate.with_realm("My \"API\"\\\r\nX-Evil: caf\u{e9}\t\u{7f}!");
    for code in ["api_key_missing", "token_missing", "token_invalid", "scope_insufficient"] {
        let answer = refused_by(code, realm);
        let challenge = field(&answer, "www-authenticate").unwrap();
        let (_scheme, rest) = challenge.split_once(' ').unwrap();
        assert!(rest.starts_with(r#"realm="My APIX-Evil: caf!""#), "{challenge}");
    }
}

#[test]
fn configured_field_names_are_in_challenge_and_problem() {
    let fixture = Fixture::new();
    let names =
        HeaderNames { api_key: "partner".parse().unwrap(), token: "x-token".parse().unwrap() };
    let verifier = Verifier::builder(fixture.registry.clone()).header_names(names).build();
    let layer = Gate::new(verifier).require(fixture.reads());
    let answer = send_to(&layer, fixture.request());
    let challenge = r#"ApiKey realm="api", in="header", name="Partner""#;
    assert_eq!(field(&answer, "www-authenticate"), Some(challenge));

    let mut request = fixture.request();
    set(&mut request, "partner", fixture.partner.api_key.as_str());
    set(&mut request, "x-token", &format!("Bearer {}", fixture.secret()));
    repeat(&mut request, "x-token");
    assert_eq!(problem(&send_to(&layer, request))["field"], "X-Token");
}
