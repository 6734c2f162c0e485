//! For every denial, realm and base, each part of the refusal matches the denial: the problem parses as
//! JSON with the expected members and no others, the challenge parses, and every field value is valid.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use dualkey_fuzz::Numbers;
use dualkey_limit::{LimitState, Outcome, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::Registry;
use dualkey_token::Prefix;
use dualkey_tower::{Denial, Gate, GrpcRefusals, Verifier};
use dualkey_verify::CredentialField;
use http::Response;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    denied: Denied,
    grpc: bool,
    /// The realm and, on a line of its own, the base of types.
    texts: &'a str,
}

#[derive(Arbitrary, Debug)]
enum Denied {
    ApiKeyMissing,
    ApiKeyInvalid { misplaced_token: bool },
    TokenMissing,
    ApiKeyRepeated,
    TokenRepeated,
    TokenInvalid,
    Charged { scopes: u8, all: bool, policy: Numbers, word: u128, now: u64, permits: u32 },
    Attempts { nanos: u64 },
    Unavailable { nanos: u64 },
}

/// Together, these have every character that a scope may have.
const SCOPES: [&str; 4] = [
    "reservations:read",
    "!#$%&'()*+,-./:;<=>?@[]^_`{|}~",
    "0123456789",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let scopes = SCOPES.iter().fold(Catalogue::builder(), |all, name| all.scope(*name, "A scope"));
    scopes.build().expect("all of them are scopes")
});

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    Gate::new(Verifier::new(Registry::in_memory(CATALOGUE.clone(), Prefix::new("gw"))))
});

fuzz_target!(|input: Input<'_>| {
    let denial = input.denied.denial();
    let (realm, base) = input.texts.split_once('\n').unwrap_or((input.texts, "about:blank"));
    let gate = GATE.clone().with_realm(realm).with_problem_type_base(base);
    let refusal = gate.refusal_response(&denial);

    assert_eq!(refusal.status(), denial.status());
    assert_eq!(field(&refusal, "content-type"), Some("application/problem+json"));
    assert_eq!(field(&refusal, "cache-control"), Some("no-store"));
    assert_eq!(refusal.extensions().get::<Denial>().map(Denial::code), Some(denial.code()));
    let problem: Value = serde_json::from_slice(refusal.body()).expect("JSON");
    assert_eq!(problem, input.denied.problem(&denial, base));
    let challenge = field(&refusal, "www-authenticate").map(challenge);
    assert_eq!(challenge, input.denied.challenge(realm));
    assert_retry_after(&refusal, denial.retry_after());
    if input.grpc {
        assert_mapped_to_grpc(
            &gate.with_refusal_mapper(GrpcRefusals).refusal_response(&denial),
            &denial,
        );
    }
});

impl Denied {
    fn denial(&self) -> Denial {
        match *self {
            Self::ApiKeyMissing => Denial::ApiKeyMissing,
            Self::ApiKeyInvalid { misplaced_token } => Denial::ApiKeyInvalid { misplaced_token },
            Self::TokenMissing => Denial::TokenMissing,
            Self::ApiKeyRepeated => Denial::HeaderRepeated(CredentialField::ApiKey),
            Self::TokenRepeated => Denial::HeaderRepeated(CredentialField::Token),
            Self::TokenInvalid => Denial::TokenInvalid,
            Self::Charged { policy, word, now, permits, .. } => {
                let (state, now) = (LimitState::from_bits(word), Timestamp::from_nanos(now));
                let policy = policy.policy();
                match state.take(&policy, now, permits).1 {
                    Outcome::BurstExceeded(refusal) => Denial::RateLimited { refusal },
                    Outcome::QuotaExceeded(refusal) => Denial::QuotaExceeded { refusal },
                    charged => {
                        let (required, standing) = (self.requirement(), *charged.standing());
                        Denial::ScopeInsufficient { required, standing }
                    }
                }
            }
            Self::Attempts { nanos } => {
                Denial::AttemptsExceeded { retry_after: Duration::from_nanos(nanos) }
            }
            Self::Unavailable { nanos } => {
                Denial::Unavailable { retry_after: Duration::from_nanos(nanos) }
            }
        }
    }

    fn scopes(&self) -> Vec<&'static str> {
        let Self::Charged { scopes, .. } = self else { return Vec::new() };
        let asked = SCOPES.iter().enumerate().filter(|(at, _)| scopes >> at & 1 == 1);
        asked.map(|(_, name)| *name).collect()
    }

    fn requirement(&self) -> Requirement {
        let required = match self {
            Self::Charged { all: true, .. } => CATALOGUE.require_all(self.scopes()),
            _ => CATALOGUE.require_any(self.scopes()),
        };
        required.expect("the catalogue knows them")
    }

    fn problem(&self, denial: &Denial, base: &str) -> Value {
        const QUOTA_EXCEEDED: &str =
            "https://iana.org/assignments/http-problem-types#quota-exceeded";

        let (status, code) = (denial.status(), denial.code());
        let kind = match status.as_u16() {
            429 => QUOTA_EXCEEDED.to_owned(),
            _ if base == "about:blank" => base.to_owned(),
            _ => format!("{base}#{code}"),
        };
        let mut problem = json!({
            "type": kind,
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": denial.to_string(),
            "code": code,
        });
        match (self, code) {
            (Self::ApiKeyRepeated, _) => problem["field"] = "X-Api-Key".into(),
            (Self::TokenRepeated, _) => problem["field"] = "Authorization".into(),
            (_, "scope_insufficient") => problem["required"] = self.scopes().into(),
            (_, "rate_limited") => problem["violated-policies"] = json!(["burst"]),
            (_, "quota_exceeded") => problem["violated-policies"] = json!(["daily"]),
            (_, "attempts_exceeded") => problem["violated-policies"] = json!(["attempts"]),
            _ => {}
        }
        problem
    }

    fn challenge(&self, realm: &str) -> Option<Challenge> {
        let kept = |c: &char| (' '..='~').contains(c) && !['"', '\\'].contains(c);
        let realm = realm.chars().filter(kept).collect();
        let scopes = self.scopes().join(" ");
        let (scheme, rest) = match self {
            Self::ApiKeyMissing | Self::ApiKeyInvalid { .. } => {
                ("ApiKey", vec![("in", "header"), ("name", "X-Api-Key")])
            }
            Self::TokenMissing => ("Bearer", vec![]),
            Self::TokenRepeated => ("Bearer", vec![("error", "invalid_request")]),
            Self::TokenInvalid => ("Bearer", vec![("error", "invalid_token")]),
            Self::Charged { .. } if self.denial().status() == 403 => {
                let mut params = vec![("error", "insufficient_scope")];
                // The parameter has at least one scope (RFC 6749 §3.3).
                params.extend((!scopes.is_empty()).then_some(("scope", &*scopes)));
                ("Bearer", params)
            }
            _ => return None,
        };
        let rest = rest.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let params = [("realm".to_owned(), realm)].into_iter().chain(rest);
        Some((scheme.to_owned(), params.collect()))
    }
}

/// The scheme, and the names and values of its parameters.
type Challenge = (String, Vec<(String, String)>);

/// Reads `scheme name="value", name="value"` (RFC 9110 §11.6.1), where no value needs an escape.
fn challenge(text: &str) -> Challenge {
    let (scheme, mut rest) = text.split_once(' ').expect("a scheme with parameters");
    let mut read = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a parameter");
        let (value, after) = value.split_once('"').expect("a quoted string that ends");
        assert!(!value.contains('\\'), "{text}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{text}");
        read.push((name.to_owned(), value.to_owned()));
        if after.is_empty() {
            return (scheme.to_owned(), read);
        }
        rest = after.strip_prefix(", ").expect("another parameter");
    }
}

/// The value of a field that occurs at most once, of visible characters and spaces.
fn field<'a>(refusal: &'a Response<impl Sized>, name: &str) -> Option<&'a str> {
    let mut values = refusal.headers().get_all(name).iter();
    let value = values.next()?;
    assert_eq!(values.next(), None, "{name} occurs more than once");
    let text = value.to_str().expect("visible characters");
    assert!(!text.contains('\t'), "{name}: {text}");
    Some(text)
}

fn assert_retry_after(refusal: &Response<impl Sized>, wait: Option<Duration>) {
    let seconds = field(refusal, "retry-after");
    assert_eq!(seconds.is_some(), wait.is_some());
    let (Some(seconds), Some(wait)) = (seconds, wait) else { return };
    assert!(seconds.bytes().all(|byte| byte.is_ascii_digit()), "{seconds}");
    let seconds: u64 = seconds.parse().expect("a number");
    let one_less = Duration::from_secs(seconds.checked_sub(1).expect("at least a second"));
    assert!(Duration::from_secs(seconds) >= wait, "{seconds} s are less than {wait:?}");
    assert!(one_less < wait || seconds == 1, "{seconds} s are more than {wait:?}");
}

fn assert_mapped_to_grpc(refusal: &Response<impl AsRef<[u8]>>, denial: &Denial) {
    let status = match denial.status().as_u16() {
        403 => "7",
        429 => "8",
        503 => "14",
        _ => "16",
    };
    assert_eq!((refusal.status().as_u16(), refusal.body().as_ref().len()), (200, 0));
    assert_eq!(field(refusal, "content-type"), Some("application/grpc"));
    assert_eq!(field(refusal, "grpc-status"), Some(status));
    assert_eq!(field(refusal, "grpc-message"), Some(denial.code()));
    for value in refusal.headers().values() {
        assert!(value.to_str().is_ok_and(|text| !text.contains('\t')), "{value:?}");
    }
    assert_retry_after(refusal, denial.retry_after());
}
