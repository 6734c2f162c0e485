use dualkey_verify::{CredentialField, Denial, HeaderNames};
use http::{HeaderName, HeaderValue};

/// What `WWW-Authenticate` says to this denial (RFC 9110 §11.6.1), if credentials are at fault.
pub(crate) fn challenge(denial: &Denial, realm: &str, names: &HeaderNames) -> Option<HeaderValue> {
    let text = match denial {
        Denial::ApiKeyMissing | Denial::ApiKeyInvalid { .. } => {
            let name = spelled(&names.api_key);
            format!(r#"ApiKey realm="{realm}", in="header", name="{name}""#)
        }
        // Without an error code: no credentials were presented (RFC 6750 §3).
        Denial::TokenMissing => format!(r#"Bearer realm="{realm}""#),
        Denial::HeaderRepeated(CredentialField::Token) => bearer(realm, "invalid_request"),
        Denial::TokenInvalid => bearer(realm, "invalid_token"),
        // A scope has at least one character (RFC 6749 §3.3); a closed route asks for none.
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

/// The name as people write it: `X-Api-Key`.
pub(crate) fn spelled(name: &HeaderName) -> String {
    let mut begins = true;
    let spell = |c: char| {
        let spelled = if begins { c.to_ascii_uppercase() } else { c };
        begins = c == '-';
        spelled
    };
    name.as_str().chars().map(spell).collect()
}
