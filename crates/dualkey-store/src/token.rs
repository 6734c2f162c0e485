use dualkey_limit::Timestamp;
use dualkey_token::{PlainToken, TokenDigest, TokenHint};

use crate::{OrganizationId, TokenId};

/// What is recorded of a token, for lists. The token itself is not, and its digest stays in the store.
/// Times are in whole microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TokenRecord {
    /// How lists and logs name it.
    pub id: TokenId,
    /// Whose data it opens.
    pub organization: OrganizationId,
    /// What its owner calls it.
    pub name: String,
    /// The last 3 characters, by which its owner knows it.
    pub hint: TokenHint,
    /// The names of its scopes, as written when it was issued.
    pub scopes: Vec<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// When a request first presented it, as far as is known.
    pub first_used_at: Option<Timestamp>,
    /// When a request last presented it, as far as is known.
    pub last_used_at: Option<Timestamp>,
    /// The token whose place it takes.
    pub replaces: Option<TokenId>,
    /// The token that takes its place.
    pub replaced_by: Option<TokenId>,
}

/// How a token stands. A revoked one stands nowhere: it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TokenStatus {
    /// It is accepted.
    Active,
    /// It is accepted until its overlap with the token that takes its place ends.
    Replaced,
    /// It is refused, and kept until somebody revokes it.
    Expired,
}

impl TokenStatus {
    /// `active`, `replaced` or `expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
        }
    }
}

impl TokenRecord {
    /// How the token stands at this time. It has expired at the instant of its expiry.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> TokenStatus {
        if self.expires_at.is_some_and(|expiry| expiry <= now) {
            TokenStatus::Expired
        } else if self.replaced_by.is_some() {
            TokenStatus::Replaced
        } else {
            TokenStatus::Active
        }
    }
}

/// A record with the digest by which a store finds it.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The digest of the token's text.
    pub digest: TokenDigest,
    /// What lists show.
    pub record: TokenRecord,
}

/// A token to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Whose data it opens.
    pub organization: OrganizationId,
    /// What its owner calls it: 1 to 100 characters, no control characters.
    pub name: String,
    /// The names of its scopes, at least one.
    pub scopes: Vec<String>,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// A token of this organization, with this name and these scopes, that does not expire.
    #[must_use]
    pub fn new<I>(
        organization: impl Into<OrganizationId>,
        name: impl Into<String>,
        scopes: I,
    ) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { organization: organization.into(), name: name.into(), scopes, expires_at: None }
    }
}

/// A token just issued.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token itself, to be shown once: nobody can bring it back.
    pub secret: PlainToken,
    /// What is recorded of it.
    pub record: TokenRecord,
}

/// Uses to be written behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Which token.
    pub token: TokenId,
    /// The first use that the writer knows of.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
}
