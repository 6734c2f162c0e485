use dualkey_verify::{CredentialField, Denial, HeaderNames};
use http::{HeaderName, HeaderValue};

/// The value of `WWW-Authenticate` for this denial (RFC 9110 §11.6.1), if credentials are at fault.
pub(crate) fn challenge(denial: &Denial, realm: &str, names: &HeaderNames) -> Option<HeaderValue> {
    let text = match denial {
        Denial::ApiKeyMissing | Denial::ApiKeyInvalid { .. } => {
            let name = title_case(&names.api_key);
            format!(r#"ApiKey realm="{realm}", in="header", name="{name}""#)
        }
        // Without an error code: no credentials were presented (RFC 6750 §3).
        Denial::TokenMissing => format!(r#"Bearer realm="{realm}""#),
        Denial::HeaderRepeated(CredentialField::Token) => bearer(realm, "invalid_request"),
        Denial::TokenInvalid => bearer(realm, "invalid_token"),
        // A scope has at least one character (RFC 6749 §3.3); a closed route names none.
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

/// The name with a capital at the start of each word: `X-Api-Key`.
pub(crate) fn title_case(name: &HeaderName) -> String {
    let mut starts_word = true;
    let capitalize = |c: char| {
        let capitalized = if starts_word { c.to_ascii_uppercase() } else { c };
        starts_word = c == '-';
        capitalized
    };
    name.as_str().chars().map(capitalize).collect()
}
