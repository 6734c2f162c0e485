use std::fmt;
use std::time::Duration;

use dualkey_limit::{Refusal, Standing};
use dualkey_scope::{Requirement, ScopeSet};
use dualkey_store::{OrganizationId, PartnerId, TokenId};
use http::{Method, StatusCode};

use crate::cache::Key;
use crate::telemetry::Code;

/// A granted request: which partner calls, for which organization, with which scopes, and what is left of
/// its limits.
///
/// ```
/// use dualkey_testing::Fixture;
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new();
/// let guests_read = fixture.registry.catalogue().require_all(["guests:read"])?;
/// let verifier = fixture.gate.verifier();
/// let grant = verifier.verify(&fixture.headers(), &guests_read).await?;
/// assert_eq!(grant.partner, fixture.partner.id);
/// assert_eq!(grant.token, fixture.issued.record.id);
/// assert_eq!(grant.standing.burst_remaining(), 9); // of 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// The partner that calls.
    pub partner: PartnerId,
    /// The organization whose data it may access.
    pub organization: OrganizationId,
    /// The token that it presented.
    pub token: TokenId,
    /// The scopes of the token, implied ones included.
    pub scopes: ScopeSet,
    /// What is left of the partner's limits after this request.
    pub standing: Standing,
    pub(crate) source: GrantSource,
}

/// In the extensions of a request that an optional guard let pass without credentials, so without a
/// [`Grant`].
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

/// The entries of the cache that a grant was decided on.
#[derive(Clone, Copy)]
pub(crate) struct GrantSource {
    /// The number of the partner.
    pub(crate) partner: u32,
    pub(crate) token: Key,
}

/// A denied request, and why. No denial holds a credential.
///
/// Code under test gets one from its variant: `Denial::TokenInvalid`. The [`Refusal`] of a limit comes from an
/// [`Outcome`](dualkey_limit::Outcome).
///
/// ```
/// use std::time::Duration;
///
/// use dualkey_testing::Fixture;
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new(); // 5 requests a second, burst 10
/// let (headers, guests_read) = (fixture.headers(), fixture.require("guests:read"));
/// let verify = || fixture.gate.verifier().verify(&headers, &guests_read);
/// for _ in 0..10 {
///     verify().await.unwrap();
/// }
/// let denial = verify().await.unwrap_err();
/// assert_eq!((denial.code(), denial.status().as_u16()), ("rate_limited", 429));
/// assert_eq!(denial.retry_after(), Some(Duration::from_millis(200)));
/// assert_eq!(denial.standing().unwrap().daily_remaining(), Some(9_990));
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Denial {
    /// No partner key was sent.
    ApiKeyMissing,
    /// The partner key is malformed, unknown or disabled.
    ApiKeyInvalid {
        /// Whether an organization access token was sent in place of the partner key.
        misplaced_token: bool,
    },
    /// No bearer credentials were sent.
    TokenMissing,
    /// A header field occurs more than once.
    HeaderRepeated(CredentialField),
    /// The token is malformed, unknown, revoked or expired: one answer for all.
    TokenInvalid,
    /// The token lacks a scope.
    ScopeInsufficient {
        /// What the route requires.
        required: Requirement,
        /// What is left of the partner's limits: the request was charged.
        standing: Standing,
    },
    /// The burst is used up.
    RateLimited {
        /// When to retry, and what is left.
        refusal: Refusal,
    },
    /// The daily quota is used up.
    QuotaExceeded {
        /// When to retry, and what is left.
        refusal: Refusal,
    },
    /// The failure allowance is used up: too many requests under this partner key had no valid token.
    AttemptsExceeded {
        /// The time until the next request without a cached token is served.
        retry_after: Duration,
    },
    /// No route of the path has the method. A route table answers so, a verifier never.
    MethodNotAllowed {
        /// The methods that the path has, for `Allow` (RFC 9110 §10.2.1).
        allowed: Vec<Method>,
    },
    /// A store did not answer.
    Unavailable {
        /// When to retry.
        retry_after: Duration,
    },
}

/// One of the two header fields that hold credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialField {
    /// The field of the partner key.
    ApiKey,
    /// The field of the bearer token.
    Token,
}

impl Denial {
    /// A stable, machine-readable code, such as `rate_limited`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.counted_code() {
            Some(code) => code.as_str(),
            None => "method_not_allowed",
        }
    }

    /// None for what a verifier never decides.
    #[inline]
    pub(crate) const fn counted_code(&self) -> Option<Code> {
        Some(match self {
            Self::ApiKeyMissing => Code::ApiKeyMissing,
            Self::ApiKeyInvalid { .. } => Code::ApiKeyInvalid,
            Self::TokenMissing => Code::TokenMissing,
            Self::HeaderRepeated(_) => Code::HeaderRepeated,
            Self::TokenInvalid => Code::TokenInvalid,
            Self::ScopeInsufficient { .. } => Code::ScopeInsufficient,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::QuotaExceeded { .. } => Code::QuotaExceeded,
            Self::AttemptsExceeded { .. } => Code::AttemptsExceeded,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::MethodNotAllowed { .. } => return None,
        })
    }

    /// The status of the response.
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
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The time after which the same request may be granted; none where waiting does not help.
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

    /// What is left of the partner's limits, if the decision reached them.
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

/// Without the key of the token, which is half of its digest.
impl fmt::Debug for GrantSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantSource").finish_non_exhaustive()
    }
}

/// What the caller can do about it.
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
            Self::QuotaExceeded { .. } => "The daily quota is used up.",
            Self::AttemptsExceeded { .. } => {
                "Too many requests with this partner key failed to present a valid access token."
            }
            Self::MethodNotAllowed { .. } => {
                "This path does not have the method. Use one that the Allow field lists."
            }
            Self::Unavailable { .. } => "The credentials cannot be checked at the moment.",
        })
    }
}

impl std::error::Error for Denial {}
