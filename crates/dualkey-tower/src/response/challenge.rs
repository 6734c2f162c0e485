use dualkey_verify::{CredentialField, Denial, HeaderNames};
use http::{HeaderName, HeaderValue};

/// The value of `WWW-Authenticate` for this denial (RFC 9110 §11.6.1), or none if other credentials would
/// not help.
pub(crate) fn challenge(denial: &Denial, realm: &str, names: &HeaderNames) -> Option<HeaderValue> {
    let text = match denial {
        Denial::ApiKeyMissing | Denial::ApiKeyInvalid { .. } => {
            let name = title_case(&names.api_key);
            format!(r#"ApiKey realm="{realm}", in="header", name="{name}""#)
        }
        // A challenge to a request without credentials has no error code (RFC 6750 §3).
        Denial::TokenMissing => format!(r#"Bearer realm="{realm}""#),
        Denial::HeaderRepeated(CredentialField::Token) => bearer(realm, "invalid_request"),
        Denial::TokenInvalid => bearer(realm, "invalid_token"),
        // A closed route requires no named scope, and a list of scopes is not empty (RFC 6749 §3.3).
        Denial::ScopeInsufficient { required, .. } if required.names().next().is_none() => {
            bearer(realm, "insufficient_scope")
        }
        Denial::ScopeInsufficient { required, .. } => {
            format!(r#"{}, scope="{required}""#, bearer(realm, "insufficient_scope"))
        }
        _ => return None,
    };
    HeaderValue::try_from(text).ok()
}

fn bearer(realm: &str, error: &str) -> String {
    format!(r#"Bearer realm="{realm}", error="{error}""#)
}

/// The name with a capital letter at the start of each word, such as `X-Api-Key`.
pub(crate) fn title_case(name: &HeaderName) -> String {
    let mut starts_word = true;
    let capitalize = |c: char| {
        let capitalized = if starts_word { c.to_ascii_uppercase() } else { c };
        starts_word = c == '-';
        capitalized
    };
    name.as_str().chars().map(capitalize).collect()
}
