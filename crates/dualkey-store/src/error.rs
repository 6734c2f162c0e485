use std::error::Error;
use std::time::Duration;

use dualkey_limit::InvalidPolicy;
use dualkey_scope::UnknownScopes;

use crate::TokenId;

/// A store failed. It is unknown whether the change was stored. The call may be repeated.
///
/// The text is opaque, so that it can be shown to a caller. The [source](Error::source) is the
/// backend's error, for operators.
///
/// ```
/// use std::error::Error;
/// use dualkey_store::StoreError;
///
/// let error = StoreError::new("connection refused");
/// assert_eq!(error.to_string(), "the store failed");
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError {
    #[from]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Wraps the error of a backend.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// Why a [`Registry`](crate::Registry) refuses a change. Where another step helps, the text names it.
///
/// ```
/// use dualkey_store::RegistryError;
///
/// let error = RegistryError::TooManyTokens { max_tokens: 100 };
/// assert_eq!(error.to_string(), "the organization has 100 tokens or more: revoke some first");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name of a partner or token is empty, longer than 100 characters, or has control characters.
    #[error("a name must have 1 to 100 characters and no control characters")]
    InvalidName,
    /// The name of an actor is empty, longer than 100 characters, or has control characters.
    #[error("an actor must have 1 to 100 characters and no control characters")]
    InvalidActor,
    /// The name of an organization is empty, longer than 128 bytes, or has control characters.
    #[error("an organization must have 1 to 128 bytes and no control characters")]
    InvalidOrganization,
    /// The partner key to register is a well-formed token.
    #[error("a token is secret and cannot be a partner key: revoke it if others have seen it")]
    TokenAsApiKey,
    /// Another partner has this key.
    #[error("another partner has this key")]
    ApiKeyTaken,
    /// The limits are out of range.
    #[error("the limits are out of range")]
    InvalidPolicy(#[from] InvalidPolicy),
    /// The token has no scopes.
    #[error("a token must have at least one scope")]
    NoScopes,
    /// The catalogue does not declare some of the scopes.
    #[error(transparent)]
    UnknownScopes(#[from] UnknownScopes),
    /// The expiry is not later than now.
    #[error("expiry must be in the future")]
    ExpiryInThePast,
    /// The token would live longer than the registry allows, or without end.
    #[error("a token may live for at most {}: choose an earlier expiry", in_words(*max))]
    LifetimeTooLong {
        /// The maximum.
        max: Duration,
    },
    /// An active token of the organization has this name.
    #[error(
        "an active token of the organization has this name: choose another, or rotate that token"
    )]
    NameTaken,
    /// The organization has the maximum number of tokens that have not expired.
    #[error("the organization has {max_tokens} tokens or more: revoke some first")]
    TooManyTokens {
        /// The maximum.
        max_tokens: usize,
    },
    /// There is no such partner, or the organization has no such token.
    #[error("not found")]
    NotFound,
    /// An expired token cannot be rotated.
    #[error("the token has expired: issue a new one")]
    Expired,
    /// A token can be rotated once.
    #[error("the token was rotated before: rotate its successor")]
    AlreadyRotated,
    /// The form was sent before, and the token was issued then.
    #[error(
        "the form was sent before, and the token {token} was issued then: see the list of tokens"
    )]
    AlreadyDone {
        /// The token that the first use of the nonce issued.
        token: TokenId,
    },
    /// The form was open for more than a day, or its time lies in the future.
    #[error("the form is too old: open it again")]
    StaleForm,
    /// The store failed. It is unknown whether the change was stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A duration in the largest unit of which it is a multiple, down to seconds.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit =
        units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_lifetime_is_given_in_whole_units() {
        for (seconds, words) in [
            (90 * 86_400, "90 days"),
            (86_400, "1 day"),
            (86_400 + 3_600, "25 hours"),
            (120, "2 minutes"),
            (61, "61 seconds"),
            (0, "0 seconds"),
        ] {
            let error = RegistryError::LifetimeTooLong { max: Duration::from_secs(seconds) };
            let text = format!("a token may live for at most {words}: choose an earlier expiry");
            assert_eq!(error.to_string(), text);
        }
    }
}
