use std::error::Error;

use dualkey_limit::InvalidPolicy;
use dualkey_scope::UnknownScopes;

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
    /// The store failed. It is unknown whether the change was stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}
