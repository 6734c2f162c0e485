use dualkey_verify::{CredentialField, Denial, HeaderNames};
use serde::Serialize;

use super::challenge::title_case;

/// The problem details of a denial (RFC 9457 §3), with `code` as an extension member.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<&'a str>>,
    /// A member of the registered problem type `quota-exceeded`.
    #[serde(rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    violated_policies: Option<[&'a str; 1]>,
}

/// The problem type that adds no meaning to the status (RFC 9457 §4.2.1).
pub(crate) const BLANK: &str = "about:blank";
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

impl<'a> Problem<'a> {
    pub(crate) fn new(denial: &'a Denial, base: &str, names: &HeaderNames) -> Self {
        let status = denial.status();
        let violated = violated_policy(denial);
        let kind = match violated {
            Some(_) => QUOTA_EXCEEDED.to_owned(),
            None if base == BLANK => base.to_owned(),
            None => format!("{base}#{}", denial.code()),
        };
        let field = match denial {
            Denial::HeaderRepeated(CredentialField::ApiKey) => Some(title_case(&names.api_key)),
            Denial::HeaderRepeated(CredentialField::Token) => Some(title_case(&names.token)),
            _ => None,
        };
        let required = match denial {
            Denial::ScopeInsufficient { required, .. } => Some(required.names().collect()),
            _ => None,
        };
        Self {
            kind,
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: denial.to_string(),
            code: denial.code(),
            field,
            required,
            violated_policies: violated.map(|policy| [policy]),
        }
    }
}

const fn violated_policy(denial: &Denial) -> Option<&'static str> {
    match denial {
        Denial::RateLimited { .. } => Some("burst"),
        Denial::QuotaExceeded { .. } => Some("daily"),
        Denial::AttemptsExceeded { .. } => Some("attempts"),
        _ => None,
    }
}
