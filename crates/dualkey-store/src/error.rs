use std::error::Error;

use dualkey_limit::InvalidPolicy;
use dualkey_scope::UnknownScopes;

/// A store did not do what was asked. Nothing is known to have changed.
#[derive(Debug, thiserror::Error)]
#[error("the store did not answer")]
pub struct StoreError {
    #[from]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// An error of a backend.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// What a [`Registry`](crate::Registry) refuses to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name of a partner or token.
    #[error("a name has 1 to 100 characters and no control characters")]
    InvalidName,
    /// The name of an actor.
    #[error("an actor has 1 to 100 characters and no control characters")]
    InvalidActor,
    /// The name of an organization.
    #[error("an organization has 1 to 128 bytes and no control characters")]
    InvalidOrganization,
    /// A token was given as a partner's key.
    #[error("a token is secret and no partner key; revoke it if others have seen it")]
    TokenAsApiKey,
    /// Another partner has this key.
    #[error("another partner has this key")]
    ApiKeyTaken,
    /// The limits are outside of what is promised.
    #[error("the limits cannot be kept")]
    InvalidPolicy(#[from] InvalidPolicy),
    /// A token without scopes.
    #[error("a token has at least one scope")]
    NoScopes,
    /// Scopes that the catalogue does not know.
    #[error(transparent)]
    UnknownScopes(#[from] UnknownScopes),
    /// An expiry that is not in the future.
    #[error("an expiry lies in the future")]
    ExpiryInThePast,
    /// The organization has as many tokens as it may.
    #[error("the organization has {max_tokens} tokens, and may have no more: revoke some first")]
    TooManyTokens {
        /// How many it may have.
        max_tokens: usize,
    },
    /// No such partner, or no such token of this organization.
    #[error("not found")]
    NotFound,
    /// An expired token cannot be rotated.
    #[error("the token has expired: issue a new one")]
    Expired,
    /// A token is rotated once.
    #[error("the token has been rotated before: rotate the one that took its place")]
    AlreadyRotated,
    /// The store failed; nothing is known to have changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
