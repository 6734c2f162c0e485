use std::fmt;
use std::time::Duration;

use dualkey_limit::{Refusal, Standing};
use dualkey_scope::{Requirement, ScopeSet};
use dualkey_store::{OrganizationId, PartnerId, TokenId};
use http::StatusCode;

/// A request that may pass: who calls, for whom, and what it has left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// Which integration calls.
    pub partner: PartnerId,
    /// Whose data it may see.
    pub organization: OrganizationId,
    /// Which token it presented.
    pub token: TokenId,
    /// What the token grants.
    pub scopes: ScopeSet,
    /// Where the partner stands with its limits after this request.
    pub standing: Standing,
}

/// A request that may not pass, and why. It repeats no credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Denial {
    /// There is no partner key.
    ApiKeyMissing,
    /// The partner key is unreadable, unknown or disabled.
    ApiKeyInvalid {
        /// Whether an organization's token stands where the partner key belongs.
        misplaced_token: bool,
    },
    /// There are no bearer credentials.
    TokenMissing,
    /// A field is there more than once.
    HeaderRepeated(CredentialField),
    /// The token is incorrect, revoked or expired: the same answer for all.
    TokenInvalid,
    /// The token lacks a scope.
    ScopeInsufficient {
        /// What the route asks for.
        required: Requirement,
        /// Where the partner stands: the request was charged.
        standing: Standing,
    },
    /// The burst is used up.
    RateLimited {
        /// When to come back, and what is left.
        refusal: Refusal,
    },
    /// The daily quota is used up.
    QuotaExceeded {
        /// When to come back, and what is left.
        refusal: Refusal,
    },
    /// Too many requests under this partner key failed to present a valid token.
    AttemptsExceeded {
        /// When the next attempt is looked at.
        retry_after: Duration,
    },
    /// A store did not answer.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// One of the two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialField {
    /// That of the partner key.
    ApiKey,
    /// That of the bearer token.
    Token,
}

impl Denial {
    /// A name for machines, which stays the same.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ApiKeyMissing => "api_key_missing",
            Self::ApiKeyInvalid { .. } => "api_key_invalid",
            Self::TokenMissing => "token_missing",
            Self::HeaderRepeated(_) => "header_repeated",
            Self::TokenInvalid => "token_invalid",
            Self::ScopeInsufficient { .. } => "scope_insufficient",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::AttemptsExceeded { .. } => "attempts_exceeded",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::ApiKeyMissing
            | Self::ApiKeyInvalid { .. }
            | Self::TokenMissing
            | Self::TokenInvalid => StatusCode::UNAUTHORIZED,
            Self::HeaderRepeated(_) => StatusCode::BAD_REQUEST,
            Self::ScopeInsufficient { .. } => StatusCode::FORBIDDEN,
            Self::RateLimited { .. }
            | Self::QuotaExceeded { .. }
            | Self::AttemptsExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// After which time the same request may pass, where waiting helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { refusal } | Self::QuotaExceeded { refusal } => {
                Some(refusal.retry_after)
            }
            Self::AttemptsExceeded { retry_after } | Self::Unavailable { retry_after } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }

    /// Where the partner stands with its limits, if the decision got as far as charging them.
    #[must_use]
    pub const fn standing(&self) -> Option<&Standing> {
        match self {
            Self::ScopeInsufficient { standing, .. } => Some(standing),
            Self::RateLimited { refusal } | Self::QuotaExceeded { refusal } => {
                Some(&refusal.standing)
            }
            _ => None,
        }
    }
}

/// What the caller should do.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKeyMissing => "Send your partner key with every request.",
            Self::ApiKeyInvalid { misplaced_token: false } => {
                "The partner key is not valid. Check that it is sent exactly as you received it."
            }
            Self::ApiKeyInvalid { misplaced_token: true } => {
                "An access token was sent in place of the partner key. Access tokens are secret and \
                 belong in the Authorization field, as a bearer token."
            }
            Self::TokenMissing => "Send an access token as a bearer token.",
            Self::HeaderRepeated(_) => "A credential was sent more than once. Send its field exactly once.",
            Self::TokenInvalid => "The access token is incorrect, revoked or expired.",
            Self::ScopeInsufficient { .. } => {
                "The access token lacks a permission that this request needs."
            }
            Self::RateLimited { .. } => "Too many requests at once: slow down.",
            Self::QuotaExceeded { .. } => "The requests of this day are used up.",
            Self::AttemptsExceeded { .. } => {
                "Too many requests with this partner key failed to present a valid access token."
            }
            Self::Unavailable { .. } => "The credentials cannot be checked at the moment.",
        })
    }
}

impl std::error::Error for Denial {}
