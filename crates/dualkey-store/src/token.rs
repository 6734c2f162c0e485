use std::fmt;

use dualkey_limit::Timestamp;
use dualkey_token::{Digester, PepperId, PlainToken, TokenDigest, TokenHint};

use crate::{FormNonce, OrganizationId, PartnerId, TokenId};

/// The attributes of a token that lists show. It holds neither the token's text nor its digest. Times are
/// in whole microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TokenRecord {
    /// Its id in lists and logs.
    pub id: TokenId,
    /// The organization to whose data it gives access.
    pub organization: OrganizationId,
    /// Its display name.
    pub name: String,
    /// Its last 3 characters, which identify it to its owner.
    pub hint: TokenHint,
    /// The names of its scopes, each once, in the order of the catalogue that it was issued with.
    pub scopes: Vec<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// It is refused from this time on. `None`: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// The time of the first request with it that was recorded.
    pub first_used_at: Option<Timestamp>,
    /// The time of the last request with it that was recorded.
    pub last_used_at: Option<Timestamp>,
    /// The partner whose key came with that request. `None` if it is not known.
    pub last_used_by: Option<PartnerId>,
    /// The token that it was rotated from.
    pub replaces: Option<TokenId>,
    /// The token that it was rotated to.
    pub replaced_by: Option<TokenId>,
    /// How the stored digest was computed.
    pub digest_method: DigestMethod,
}

impl TokenRecord {
    /// The token's status at this time. A token has expired at the instant of its expiry.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::{NewToken, Registry, TokenStatus};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let expiry = Timestamp::from_secs(4_000_000_000);
    /// let token = NewToken::new("acme", "production", ["guests:read"]).with_expiry(expiry);
    /// let record = registry.issue_token(token).await?.record;
    /// assert_eq!(record.status(record.created_at), TokenStatus::Active);
    /// assert_eq!(record.status(expiry), TokenStatus::Expired);
    ///
    /// let (acme, overlap) = (record.organization, Duration::from_secs(60));
    /// registry.rotate_token(&acme, &record.id, overlap).await?;
    /// let old = registry.tokens(&acme).await?.pop().expect("the old token is listed");
    /// assert_eq!(old.status(old.created_at), TokenStatus::Replaced);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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

/// The status of a token. There is none for a revoked token, which is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TokenStatus {
    /// It is accepted.
    Active,
    /// It was rotated. It is accepted until the overlap with its successor ends.
    Replaced,
    /// It is refused. It is listed until it is [pruned](crate::Registry::prune_expired) or revoked.
    Expired,
}

impl TokenStatus {
    /// `active`, `replaced` or `expired`.
    ///
    /// ```
    /// assert_eq!(dualkey_store::TokenStatus::Replaced.as_str(), "replaced");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
        }
    }
}

/// How the stored digest of a token was computed. It does not decide whether the token is accepted: the
/// [`Digester`](dualkey_token::Digester) does.
///
/// ```
/// use dualkey_store::DigestMethod;
/// use dualkey_token::{Digester, Pepper};
///
/// let peppered = Digester::peppered(Pepper::new([7; 32])?);
/// assert!(matches!(DigestMethod::of_new(&peppered), DigestMethod::Peppered(_)));
/// assert_eq!(DigestMethod::of_new(&Digester::unpeppered()), DigestMethod::Unpeppered);
/// assert_eq!(DigestMethod::Unpeppered.to_string(), "unpeppered");
/// # Ok::<(), dualkey_token::InvalidPepper>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestMethod {
    /// With the pepper that has this id.
    Peppered(PepperId),
    /// Without a pepper.
    Unpeppered,
    /// Not recorded, because the token was issued by a version that did not record it.
    Unknown,
}

impl DigestMethod {
    /// How this digester computes the digests of new tokens.
    #[must_use]
    pub fn of_new(digester: &Digester) -> Self {
        digester.pepper_id().map_or(Self::Unpeppered, Self::Peppered)
    }
}

/// `peppered with 0123456789abcdef`, `unpeppered` or `unknown`.
impl fmt::Display for DigestMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peppered(id) => write!(f, "peppered with {id}"),
            Self::Unpeppered => f.write_str("unpeppered"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for DigestMethod {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A record with the digest by which a store finds it.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The digest of the token's text.
    pub digest: TokenDigest,
    /// The attributes that lists show.
    pub record: TokenRecord,
}

/// The part of a [`StoredToken`] that decides about requests with it, and that a cache holds.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::{NewToken, Registry};
/// # use dualkey_token::Prefix;
/// use dualkey_store::TokenStore as _;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
/// let all = registry.store().tokens_after(None, 10).await?;
/// assert_eq!((all[0].id, &all[0].scopes), (issued.record.id, &issued.record.scopes));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct TokenAccess {
    /// Its id in lists and logs.
    pub id: TokenId,
    /// The organization to whose data it gives access.
    pub organization: OrganizationId,
    /// The digest of the token's text.
    pub digest: TokenDigest,
    /// The names of its scopes.
    pub scopes: Vec<String>,
    /// It is refused from this time on. `None`: it does not expire.
    pub expires_at: Option<Timestamp>,
}

impl From<StoredToken> for TokenAccess {
    fn from(stored: StoredToken) -> Self {
        let StoredToken { digest, record } = stored;
        let TokenRecord { id, organization, scopes, expires_at, .. } = record;
        Self { id, organization, digest, scopes, expires_at }
    }
}

/// When a token to issue expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// After the [default lifetime](crate::Registry::with_default_lifetime) of the registry.
    #[default]
    Default,
    /// It is refused from this time on.
    At(Timestamp),
    /// Never.
    Never,
}

/// A token to [issue](crate::Registry::issue_token).
///
/// ```
/// use dualkey_limit::Timestamp;
/// use dualkey_store::{Expiry, NewToken};
///
/// let token = NewToken::new("acme", "production", ["guests:read"]);
/// assert_eq!((token.scopes[0].as_str(), token.expiry), ("guests:read", Expiry::Default));
/// let end = Timestamp::from_secs(4_000_000_000);
/// assert_eq!(token.clone().with_expiry(end).expiry, Expiry::At(end));
/// assert_eq!(token.without_expiry().expiry, Expiry::Never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// The organization to whose data it gives access.
    pub organization: OrganizationId,
    /// Its display name: 1 to 100 characters, no control characters.
    pub name: String,
    /// The names of its scopes, at least one. The registry stores each once, in the catalogue's order.
    pub scopes: Vec<String>,
    /// When it expires.
    pub expiry: Expiry,
    /// The nonce of the form that asks for it. `None`: no form does.
    pub nonce: Option<FormNonce>,
}

impl NewToken {
    /// A token of this organization, with this name and these scopes, and the default lifetime.
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
        let (organization, name) = (organization.into(), name.into());
        Self { organization, name, scopes, expiry: Expiry::Default, nonce: None }
    }

    /// The same token, refused from this time on.
    #[must_use]
    pub fn with_expiry(self, expires_at: Timestamp) -> Self {
        Self { expiry: Expiry::At(expires_at), ..self }
    }

    /// The same token, without an expiry. A registry with a
    /// [maximum lifetime](crate::Registry::with_max_lifetime) refuses it.
    #[must_use]
    pub fn without_expiry(self) -> Self {
        Self { expiry: Expiry::Never, ..self }
    }

    /// The same token, issued at most once for the form with this nonce: see [`FormNonce`].
    #[must_use]
    pub fn with_nonce(self, nonce: FormNonce) -> Self {
        Self { nonce: Some(nonce), ..self }
    }
}

/// A token that was just issued.
///
/// ```
/// use dualkey_store::NewToken;
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
/// assert!(issued.secret.expose_secret().ends_with(issued.record.hint.as_str()));
/// assert_eq!(registry.token(&issued.secret).await?, issued.record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct IssuedToken {
    /// The token itself. It is not stored, so it can only be shown now.
    pub secret: PlainToken,
    /// The attributes that lists show.
    pub record: TokenRecord,
}

/// Uses of a token, to be [recorded](crate::TokenStore::record_uses).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The token.
    pub token: TokenId,
    /// The first of these uses.
    pub first_at: Timestamp,
    /// The last of these uses.
    pub last_at: Timestamp,
    /// The partner whose key came with the last use. `None` if it is not known.
    pub last_by: Option<PartnerId>,
}

impl TokenUse {
    /// The same uses, with times that lie ahead of now set to now. A clock that was ahead for a while
    /// recorded them.
    ///
    /// ```
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::{TokenId, TokenUse};
    ///
    /// let [past, now, ahead] = [1, 2, 3].map(Timestamp::from_secs);
    /// let token = TokenId::from_bytes([1; 16]);
    /// let uses = TokenUse { token, first_at: past, last_at: ahead, last_by: None };
    /// assert_eq!(uses.not_after(now), TokenUse { last_at: now, ..uses });
    /// assert_eq!(uses.not_after(ahead), uses);
    /// ```
    #[must_use]
    pub fn not_after(self, now: Timestamp) -> Self {
        Self { first_at: self.first_at.min(now), last_at: self.last_at.min(now), ..self }
    }
}
