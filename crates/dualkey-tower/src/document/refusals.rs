use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use dualkey_limit::{LimitPolicy, LimitState, Outcome, Standing, Timestamp};
use dualkey_scope::Requirement;
use dualkey_verify::{CredentialField, Denial};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Response, StatusCode};
use serde_json::Value;

use crate::gate::Gate;

/// A refusal of a gate, as the gate responds with it.
pub(crate) struct Refusal {
    /// The name of the example.
    pub(crate) name: &'static str,
    pub(crate) denial: Denial,
    response: Response<Bytes>,
}

/// The denials that every guard can cause, each with the name of its example.
static DENIALS: LazyLock<[(&str, Denial); 11]> = LazyLock::new(denials);

/// The noon (UTC) at which the partner of the examples calls: 43,200 seconds before its day ends.
const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

impl Refusal {
    /// The refusals of every guard that decides, whatever it requires.
    pub(crate) fn of_every_guard(gate: &Gate) -> Vec<Self> {
        DENIALS.iter().map(|(name, denial)| Self::new(gate, name, denial.clone())).collect()
    }

    /// The refusal of a token that does not meet this requirement.
    pub(crate) fn of_requirement(gate: &Gate, required: &Requirement) -> Self {
        let denial =
            Denial::ScopeInsufficient { required: required.clone(), standing: first_standing() };
        Self::new(gate, denial.code(), denial)
    }

    fn new(gate: &Gate, name: &'static str, denial: Denial) -> Self {
        let response = gate.refusal_response(&denial);
        Self { name, denial, response }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The media type, if there is a body.
    pub(crate) fn media_type(&self) -> Option<String> {
        self.header(&CONTENT_TYPE).filter(|_| !self.response.body().is_empty())
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<String> {
        let value = self.response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The body: what it means if it is JSON, and its text otherwise.
    pub(crate) fn body(&self) -> Value {
        let body = self.response.body();
        serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
    }
}

/// The codes of all denials, each once.
pub(crate) fn codes() -> Vec<&'static str> {
    let standing = first_standing();
    let scopes = Denial::ScopeInsufficient { required: Requirement::NONE, standing };
    let method = Denial::MethodNotAllowed { allowed: Vec::new() };
    let denials = DENIALS.iter().map(|(_, denial)| denial).chain([&scopes, &method]);
    let mut codes: Vec<_> = denials.map(Denial::code).collect();
    codes.dedup();
    codes
}

/// What is left to a partner with the default limits after the first request of a day.
pub(crate) fn first_standing() -> Standing {
    let (_, outcome) = LimitState::default().take(&LimitPolicy::default(), NOON, 1);
    *outcome.standing()
}

fn denials() -> [(&'static str, Denial); 11] {
    let second = Duration::from_secs(1);
    [
        ("header_repeated_api_key", Denial::HeaderRepeated(CredentialField::ApiKey)),
        ("header_repeated_token", Denial::HeaderRepeated(CredentialField::Token)),
        ("api_key_missing", Denial::ApiKeyMissing),
        ("api_key_invalid", Denial::ApiKeyInvalid { misplaced_token: false }),
        ("api_key_invalid_misplaced_token", Denial::ApiKeyInvalid { misplaced_token: true }),
        ("token_missing", Denial::TokenMissing),
        ("token_invalid", Denial::TokenInvalid),
        ("rate_limited", first_denial(rate_limited)),
        ("quota_exceeded", first_denial(quota_exceeded)),
        ("attempts_exceeded", Denial::AttemptsExceeded { retry_after: second }),
        ("unavailable", Denial::Unavailable { retry_after: second }),
    ]
}

/// The first denial of this kind to a partner with the default limits that sends requests from noon on, each
/// as soon as its rate allows.
fn first_denial(find: fn(Outcome) -> Option<Denial>) -> Denial {
    let (policy, mut state, mut now) = (LimitPolicy::default(), LimitState::default(), NOON);
    loop {
        let (next, outcome) = state.take(&policy, now, 1);
        if let Some(denial) = find(outcome) {
            return denial;
        }
        if let Outcome::BurstExceeded(refusal) = outcome {
            now = now.saturating_add(refusal.retry_after);
        }
        state = next;
    }
}

const fn rate_limited(outcome: Outcome) -> Option<Denial> {
    match outcome {
        Outcome::BurstExceeded(refusal) => Some(Denial::RateLimited { refusal }),
        _ => None,
    }
}

const fn quota_exceeded(outcome: Outcome) -> Option<Denial> {
    match outcome {
        Outcome::QuotaExceeded(refusal) => Some(Denial::QuotaExceeded { refusal }),
        _ => None,
    }
}
