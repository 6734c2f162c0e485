//! No response reveals why a credential is invalid, or the credential itself.

use std::convert::Infallible;
use std::time::Duration;

use crate::support::*;
use dualkey_testing::Fault;
use dualkey_token::{PlainToken, Prefix};
use http::{Request, Response};
use proptest::prelude::*;
use tower::{Layer as _, Service as _, service_fn};

#[test]
fn all_kinds_of_invalid_tokens_get_the_same_response() {
    let fixture = Fixture::new();
    let soon = NOON.saturating_add(Duration::from_secs(1));
    let kinds =
        [fixture.issue("reservations:read", None), fixture.issue("reservations:read", Some(soon))];
    let unused = fixture.issue("reservations:read", Some(soon));
    for token in &kinds {
        let request = fixture.request_with(token.secret.expose_secret());
        assert_eq!(fixture.send(request).status(), 200);
    }
    let [revoked, expired] = &kinds;
    fixture.revoke(revoked);
    fixture.clock.advance(Duration::from_secs(1));

    let unknown = observable(&fixture.send(fixture.request_with(&unknown_token())));
    assert_eq!(unknown.0, 401);
    let foreign = PlainToken::mint(&Prefix::new("other"));
    let padded = format!("{}==", fixture.secret());
    let tokens = [&revoked.secret, &expired.secret, &unused.secret, &foreign];
    for token in tokens.map(PlainToken::expose_secret).into_iter().chain([&*padded, "a", "%"]) {
        for _from_the_store_then_from_memory in 0..2 {
            assert_eq!(observable(&fixture.send(fixture.request_with(token))), unknown);
        }
    }
}

#[test]
fn all_kinds_of_invalid_api_keys_get_the_same_response() {
    let fixture = Fixture::new();
    fixture.pass(1);
    fixture.disable();
    let disabled = observable(&fixture.send(fixture.request()));
    let (pair, long) = ("partner-key-1, partner-key-1", "k".repeat(129));
    for key in ["no-such-partner", "PARTNER-KEY-1", "partner key 1", "short", pair, &long] {
        let mut request = fixture.request();
        set(&mut request, "x-api-key", key);
        assert_eq!(observable(&fixture.send(request)), disabled, "{key}");
    }
}

#[test]
fn no_debug_output_shows_a_credential() {
    let fixture = Fixture::new();
    fixture.store.set_fault(Fault::Delay);
    let layer = fixture.gate.require(fixture.reads());
    let hello = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let mut guard = layer.layer(hello);
    let waiting = guard.call(fixture.request());
    let shown = format!("{waiting:?} {guard:?} {layer:?} {:?}", fixture.gate);
    assert!(
        !shown.contains(fixture.secret()) && !shown.contains(fixture.partner.api_key.as_str()),
        "{shown}"
    );
}

/// Texts that a caller can send as a key or a token. JSON escapes some of them.
fn credentials() -> impl Strategy<Value = String> {
    let anything = "[!-~]{12,128}";
    prop_oneof![anything, "[A-Za-z0-9]{16}", r#"[\\"<>&'=]{12,20}"#, "gw_[A-Za-z0-9]{48}"]
}

proptest! {
    #[test]
    fn no_answer_repeats_a_credential(
        key in credentials(),
        token in prop_oneof![credentials(), Just(unknown_token())],
        scheme in prop_oneof![Just("Bearer "), Just("bearer\t"), Just("Basic "), Just("")],
        is_partner: bool,
        twice: bool,
    ) {
        let mut fixture = Fixture::new();
        fixture.gate = fixture.gate.with_problem_type_base("https://example.com/problems");
        let mut request = fixture.request();
        if !is_partner {
            set(&mut request, "x-api-key", &key);
        }
        set(&mut request, "authorization", &format!("{scheme}{token}"));
        if twice {
            repeat(&mut request, "authorization");
        }
        let answer = fixture.send(request);
        prop_assert!(!answer.status().is_success());
        let (_, fields, body) = observable(&answer);
        let mut texts: Vec<_> = fields.into_iter().flat_map(|(name, value)| [name, value]).collect();
        // The members of the problem, with and without JSON's escapes.
        let members = problem(&answer).as_object().unwrap().clone().into_values();
        texts.extend(members.filter_map(|member| member.as_str().map(str::to_owned)));
        texts.push(body);
        for credential in [&key, &token, fixture.partner.api_key.as_str()] {
            let is_repeated = texts.iter().any(|text| text.contains(credential));
            prop_assert!(!is_repeated, "{credential} is in {texts:?}");
        }
    }
}
