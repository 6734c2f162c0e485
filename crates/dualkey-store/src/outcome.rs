use dualkey_limit::{InvalidPolicy, Timestamp};

use crate::{FormNonce, OrganizationId, Partner, PartnerId, StoredToken, TokenId, TokenRecord};

/// Which part of a list to return. Lists are ordered newest first.
///
/// ```
/// use dualkey_store::{AuditId, Page};
///
/// let first = Page::<AuditId>::first(50);
/// assert_eq!((first.after, first.limit), (None, 50));
///
/// let last_id = AuditId::from_bytes([7; 16]); // of the first page
/// let second = Page { after: Some(last_id), ..first };
/// assert_eq!(second.limit, 50);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last id of the previous page. `None`: the first page.
    pub after: Option<Id>,
    /// The maximum number of items.
    pub limit: u32,
}

impl<Id> Page<Id> {
    /// The first page, with at most `limit` items.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    pub(crate) fn max_items(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// The arguments of [`TokenStore::insert_token`](crate::TokenStore::insert_token).
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The new token.
    pub token: StoredToken,
    /// The maximum number of tokens of the organization that have not expired, the new one included.
    pub max_tokens: usize,
    /// The nonce of the form that asks for the token.
    pub nonce: Option<FormNonce>,
}

/// The arguments of [`TokenStore::rename_token`](crate::TokenStore::rename_token).
///
/// ```
/// use dualkey_limit::Timestamp;
/// use dualkey_store::{RenameRequest, TokenId};
///
/// let token = TokenId::from_bytes([1; 16]);
/// let at = Timestamp::from_secs(1);
/// let request = RenameRequest { organization: "acme".into(), token, name: "new".into(), at };
/// assert_eq!(request.detail("old"), r#""old" to "new""#);
/// ```
#[derive(Clone, Debug)]
pub struct RenameRequest {
    /// The organization of the token.
    pub organization: OrganizationId,
    /// The token.
    pub token: TokenId,
    /// Its new name.
    pub name: String,
    /// The time at which it is decided which tokens are active.
    pub at: Timestamp,
}

impl RenameRequest {
    /// The detail of the audit entry: the name until now and the new name, in quotes.
    #[must_use]
    pub fn detail(&self, old_name: &str) -> String {
        format!("{old_name:?} to {:?}", self.name)
    }
}

/// The arguments of [`TokenStore::rotate_token`](crate::TokenStore::rotate_token).
#[derive(Clone, Debug)]
pub struct RotationRequest {
    /// The new token. Its organization is that of the old token, and its field `replaces` names the old
    /// token.
    pub successor: StoredToken,
    /// The new expiry of the old token, which keeps its own expiry if that is earlier.
    pub old_expires_at: Timestamp,
    /// The maximum number of tokens of the organization that have not expired, the successor included.
    pub max_tokens: usize,
    /// The nonce of the form that asks for the rotation.
    pub nonce: Option<FormNonce>,
}

/// The permits that a partner used on one day.
///
/// ```
/// use dualkey_store::{DailyUsage, PartnerId};
///
/// let usage = DailyUsage { partner: PartnerId::from_bytes([1; 16]), day: 19_000, permits: 12 };
/// assert_eq!(usage.permits, 12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyUsage {
    /// The partner.
    pub partner: PartnerId,
    /// The day, as [`LimitPolicy::day`](dualkey_limit::LimitPolicy::day) counts it.
    pub day: i64,
    /// The number of permits.
    pub permits: u64,
}

/// The outcome of adding a partner.
///
/// ```
/// use dualkey_store::{InsertOutcome, MemoryStore, NewPartner, Page, PartnerStore};
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// let entry = registry.audit(None, Page::first(1)).await?.remove(0);
///
/// let copy = MemoryStore::new();
/// let first = copy.insert_partner(partner.clone(), entry.clone()).await?;
/// assert_eq!(first, InsertOutcome::Inserted);
/// let again = copy.insert_partner(partner, entry).await?;
/// assert_eq!(again, InsertOutcome::Refused); // the key is taken
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum InsertOutcome {
    /// The partner is stored.
    Inserted,
    /// The partner's key is taken. Nothing changed.
    Refused,
}

/// The outcome of adding a token. Nothing changed unless it is `Issued`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum IssueOutcome {
    /// The token is stored.
    Issued,
    /// The organization used the nonce before, for this token.
    AlreadyDone(TokenId),
    /// An active token of the organization has this name.
    NameTaken,
    /// The organization has the maximum number of tokens.
    TooManyTokens,
}

/// The outcome of renaming a token. Nothing changed unless it is `Renamed`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "a value lives as long as one renaming")]
pub enum RenameOutcome {
    /// The token with its new name, which may be the one that it had.
    Renamed(TokenRecord),
    /// The organization has no such token.
    NotFound,
    /// Another active token of the organization has this name.
    NameTaken,
}

/// The outcome of changing a partner's limits. Nothing changed unless it is `Changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum LimitsOutcome {
    /// The partner with its new limits.
    Changed(Partner),
    /// There is no such partner.
    NotFound,
    /// The new limits would be out of range.
    Invalid(InvalidPolicy),
}

/// The outcome of rotating a token. Nothing changed unless it is `Rotated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RotateOutcome {
    /// The successor is stored, and the old token has its new expiry.
    Rotated,
    /// The organization used the nonce before, for this token.
    AlreadyDone(TokenId),
    /// The organization has no such token.
    NotFound,
    /// The token has expired.
    Expired,
    /// The token already has a successor.
    AlreadyRotated,
    /// The organization has the maximum number of tokens.
    TooManyTokens,
}

/// The outcome of revoking a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RevokeOutcome {
    /// The token is deleted. Nothing can restore it.
    Revoked,
    /// The organization has no such token.
    NotFound,
}
