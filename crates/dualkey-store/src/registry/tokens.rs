use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_token::{PlainToken, TokenHint};

use super::{Registry, check_name, shorter, whole_micros};
use crate::{
    AuditAction, AuditTarget, DigestMethod, Expiry, FormNonce, IssueOutcome, IssueRequest,
    IssuedToken, NewToken, OrganizationId, Page, RegistryError, RenameOutcome, RenameRequest,
    RevokeOutcome, RotateOutcome, RotationRequest, StoredToken, TokenId, TokenRecord,
};

impl Registry {
    /// Issues a token. Only the returned value holds the token's text, which cannot be read again. Long expired
    /// tokens of its organization are [pruned](Self::prune_expired).
    ///
    /// Among an organization's [active](crate::TokenStatus::Active) tokens, a name is unique.
    ///
    /// ```
    /// use dualkey_store::{NewToken, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let token = |organization: &str| NewToken::new(organization, "Zapier", ["guests:read"]);
    /// registry.issue_token(token("acme")).await?;
    /// let again = registry.issue_token(token("acme")).await;
    /// assert!(matches!(again, Err(RegistryError::NameTaken)));
    /// assert!(registry.issue_token(token("other")).await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The name, organization, scopes or expiry are invalid, an active token of the organization has the
    /// name, the organization has the maximum number of tokens, the [nonce](crate::FormNonce) was used before
    /// or is stale, or the store failed.
    pub async fn issue_token(&self, token: NewToken) -> Result<IssuedToken, RegistryError> {
        let nonce = token.nonce;
        let (issued, token) = self.mint_new(token)?;
        self.check_nonce(nonce).await?;
        self.prune_organization(&token.record.organization).await?;
        let detail = token.record.name.clone();
        let entry = self.audit_entry(AuditAction::TokenIssued, target(&token.record), detail);
        let max_tokens = self.max_tokens_per_organization;
        let request = IssueRequest { token, max_tokens, nonce };
        match self.store.insert_token(request, entry).await? {
            IssueOutcome::Issued => Ok(issued),
            IssueOutcome::AlreadyDone(token) => Err(RegistryError::AlreadyDone { token }),
            IssueOutcome::NameTaken => Err(RegistryError::NameTaken),
            IssueOutcome::TooManyTokens => Err(RegistryError::TooManyTokens { max_tokens }),
        }
    }

    /// An organization's tokens, newest first, expired ones included.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn tokens(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vec<TokenRecord>, RegistryError> {
        self.tokens_page(organization, Page::first(u32::MAX)).await
    }

    /// A page of an organization's tokens, newest first, expired ones included.
    ///
    /// ```
    /// use dualkey_store::{NewToken, Page};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// for name in ["first", "second", "third"] {
    ///     registry.issue_token(NewToken::new("acme", name, ["guests:read"])).await?;
    /// }
    /// let acme = "acme".into();
    /// let newest = registry.tokens_page(&acme, Page::first(2)).await?;
    /// let rest = registry.tokens_page(&acme, Page { after: Some(newest[1].id), limit: 2 }).await?;
    /// assert_eq!((newest[0].name.as_str(), rest[0].name.as_str()), ("third", "first"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn tokens_page(
        &self,
        organization: &OrganizationId,
        page: Page<TokenId>,
    ) -> Result<Vec<TokenRecord>, RegistryError> {
        Ok(self.store.tokens(organization, page).await?)
    }

    /// The record of this token, whatever its organization.
    ///
    /// # Errors
    ///
    /// The token was never issued or is revoked, or the store failed.
    pub async fn token(&self, secret: &PlainToken) -> Result<TokenRecord, RegistryError> {
        for digest in self.digester.candidates(secret.expose_secret().as_bytes()) {
            let stored = self.store.token_by_digest(&digest).await?;
            if let Some(stored) = stored.filter(|stored| stored.digest.ct_eq(&digest).into()) {
                return Ok(stored.record);
            }
        }
        Err(RegistryError::NotFound)
    }

    /// An organization's tokens that were not used since this time, as candidates for revocation. A
    /// token that was never used counts as used when it was issued.
    ///
    /// ```
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::NewToken;
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
    /// assert!(registry.idle_tokens(&"acme".into(), Timestamp::EPOCH).await?.is_empty());
    /// assert_eq!(registry.idle_tokens(&"acme".into(), Timestamp::MAX).await?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn idle_tokens(
        &self,
        organization: &OrganizationId,
        since: Timestamp,
    ) -> Result<Vec<TokenRecord>, RegistryError> {
        let mut tokens = self.tokens(organization).await?;
        tokens.retain(|token| token.last_used_at.unwrap_or(token.created_at) < since);
        Ok(tokens)
    }

    /// An organization's [active](crate::TokenStatus::Active) tokens that expire within this time from now,
    /// those that expire first before the others: for notices to their owners. A token that was rotated is not
    /// among them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_store::NewToken;
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let (acme, week) = ("acme".into(), Duration::from_hours(7 * 24));
    /// let end = registry.clock().now().saturating_add(week * 2);
    /// let token = NewToken::new("acme", "test", ["guests:read"]).with_expiry(end);
    /// registry.issue_token(token).await?;
    /// assert!(registry.expiring_within(&acme, week).await?.is_empty());
    /// assert_eq!(registry.expiring_within(&acme, week * 2).await?[0].name, "test");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn expiring_within(
        &self,
        organization: &OrganizationId,
        time: Duration,
    ) -> Result<Vec<TokenRecord>, RegistryError> {
        let now = self.now();
        let until = now.saturating_add(time);
        Ok(self.store.expiring_tokens(organization, now, until).await?)
    }

    /// A page of the tokens of all organizations whose digests were computed without a pepper, or which are not
    /// known to have one, newest first. When it is empty, [`Digester::accept_unpeppered`] is not needed.
    ///
    /// An attacker who can write to the database can also write a false method. This list is to find the
    /// tokens that were issued before the first pepper.
    ///
    /// ```
    /// use dualkey_store::{NewToken, Page};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// use dualkey_token::{Digester, Pepper};
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// registry.issue_token(NewToken::new("acme", "old", ["guests:read"])).await?;
    /// let peppered = Digester::peppered(Pepper::new([7; 32])?).accept_unpeppered();
    /// let registry = registry.with_digester(peppered);
    /// registry.issue_token(NewToken::new("acme", "new", ["guests:read"])).await?;
    /// let unpeppered = registry.unpeppered_tokens(Page::first(50)).await?;
    /// assert_eq!((unpeppered.len(), unpeppered[0].name.as_str()), (1, "old"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// [`Digester::accept_unpeppered`]: dualkey_token::Digester::accept_unpeppered
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn unpeppered_tokens(
        &self,
        page: Page<TokenId>,
    ) -> Result<Vec<TokenRecord>, RegistryError> {
        Ok(self.store.unpeppered_tokens(page).await?)
    }

    /// Issues the successor of a token, with the same name, scopes and lifetime, or the
    /// [maximum lifetime](Self::with_max_lifetime) if that is shorter. The old token is accepted
    /// for the overlap, which may be zero, or until its own expiry if that is earlier. It is listed until
    /// it is [pruned](Self::prune_expired) or revoked.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_store::{NewToken, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let (acme, day) = ("acme".into(), Duration::from_secs(86_400));
    /// let old = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?.record;
    /// let new = registry.rotate_token(&acme, &old.id, day).await?.record;
    /// assert_eq!((new.name, new.replaces), (old.name, Some(old.id)));
    ///
    /// let again = registry.rotate_token(&acme, &old.id, day).await;
    /// assert!(matches!(again, Err(RegistryError::AlreadyRotated)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The organization has no such token, or has twice its maximum of tokens. The token has expired or
    /// was rotated before. Or the store failed.
    pub async fn rotate_token(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
        overlap: Duration,
    ) -> Result<IssuedToken, RegistryError> {
        self.rotate(organization, token, overlap, None).await
    }

    /// [Rotates](Self::rotate_token) a token, at most once for the form with this nonce.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_store::{FormNonce, NewToken, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let (acme, hour) = ("acme".into(), Duration::from_hours(1));
    /// let old = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?.record;
    /// let nonce = FormNonce::random(registry.clock().now());
    /// let new = registry.rotate_token_once(&acme, &old.id, hour, nonce).await?.record;
    /// let again = registry.rotate_token_once(&acme, &old.id, hour, nonce).await;
    /// assert!(matches!(again, Err(RegistryError::AlreadyDone { token }) if token == new.id));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`rotate_token`](Self::rotate_token). Or the nonce was used before, or is stale.
    pub async fn rotate_token_once(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
        overlap: Duration,
        nonce: FormNonce,
    ) -> Result<IssuedToken, RegistryError> {
        self.rotate(organization, token, overlap, Some(nonce)).await
    }

    async fn rotate(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
        overlap: Duration,
        nonce: Option<FormNonce>,
    ) -> Result<IssuedToken, RegistryError> {
        self.check_nonce(nonce).await?;
        let old = self.store.token(organization, token).await?;
        let old = old.ok_or(RegistryError::NotFound)?;
        self.prune_organization(organization).await?;
        let subject = target(&old);
        let now = self.now();
        let (issued, successor) = self.mint_successor(old, now);
        let entry =
            self.audit_entry(AuditAction::TokenRotated, subject, issued.record.id.to_string());
        let max_tokens = self.max_tokens_per_organization.saturating_mul(2);
        let old_expires_at = whole_micros(now.saturating_add(overlap));
        let request = RotationRequest { successor, old_expires_at, max_tokens, nonce };
        match self.store.rotate_token(*token, request, entry).await? {
            RotateOutcome::Rotated => Ok(issued),
            RotateOutcome::AlreadyDone(token) => Err(RegistryError::AlreadyDone { token }),
            RotateOutcome::NotFound => Err(RegistryError::NotFound),
            RotateOutcome::Expired => Err(RegistryError::Expired),
            RotateOutcome::AlreadyRotated => Err(RegistryError::AlreadyRotated),
            RotateOutcome::TooManyTokens => Err(RegistryError::TooManyTokens { max_tokens }),
        }
    }

    /// Gives a token another name, and returns its record with this name. The audit trail has both names.
    ///
    /// ```
    /// use dualkey_store::{NewToken, Page, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let acme = "acme".into();
    /// registry.issue_token(NewToken::new("acme", "taken", ["guests:read"])).await?;
    /// let id = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?.record.id;
    /// let renamed = registry.rename_token(&acme, &id, "production").await?;
    /// assert_eq!(renamed.name, "production");
    /// let trail = registry.audit(Some(&acme), Page::first(1)).await?;
    /// assert_eq!(trail[0].detail, r#""test" to "production""#);
    ///
    /// let refused = registry.rename_token(&acme, &id, "taken").await;
    /// assert!(matches!(refused, Err(RegistryError::NameTaken)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The name is invalid, or the organization has no such token. The token is active, and another active
    /// one of the organization has this name. Or the store failed.
    pub async fn rename_token(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
        name: impl Into<String>,
    ) -> Result<TokenRecord, RegistryError> {
        let (organization, token, name) = (organization.clone(), *token, name.into());
        check_name(&name)?;
        let subject = AuditTarget::Token { organization: organization.clone(), id: token };
        let entry = self.audit_entry(AuditAction::TokenRenamed, subject, String::new());
        let request = RenameRequest { organization, token, name, at: self.now() };
        match self.store.rename_token(request, entry).await? {
            RenameOutcome::Renamed(record) => Ok(record),
            RenameOutcome::NotFound => Err(RegistryError::NotFound),
            RenameOutcome::NameTaken => Err(RegistryError::NameTaken),
        }
    }

    /// Revokes a token. Nothing can restore it.
    ///
    /// ```
    /// use dualkey_store::{NewToken, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
    /// let other = registry.revoke_token(&"other".into(), &issued.record.id).await;
    /// assert!(matches!(other, Err(RegistryError::NotFound)));
    /// assert!(registry.revoke_token(&"acme".into(), &issued.record.id).await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The organization has no such token: it belongs to another one, or was revoked before. Or the store
    /// failed.
    pub async fn revoke_token(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
    ) -> Result<(), RegistryError> {
        let record = self.store.token(organization, token).await?.ok_or(RegistryError::NotFound)?;
        let entry = self.audit_entry(AuditAction::TokenRevoked, target(&record), record.name);
        match self.store.revoke_token(organization, token, entry).await? {
            RevokeOutcome::Revoked => Ok(()),
            RevokeOutcome::NotFound => Err(RegistryError::NotFound),
        }
    }

    /// Refuses a stale nonce. Where nonces are used, old ones are deleted.
    async fn check_nonce(&self, nonce: Option<FormNonce>) -> Result<(), RegistryError> {
        match nonce {
            None => Ok(()),
            Some(nonce) if nonce.is_stale(self.now()) => Err(RegistryError::StaleForm),
            Some(_) => self.prune_nonces().await.map(|_| ()),
        }
    }

    /// When a token that is issued now expires.
    fn expiry(&self, expiry: Expiry, now: Timestamp) -> Result<Option<Timestamp>, RegistryError> {
        let after = |lifetime| whole_micros(now.saturating_add(lifetime));
        let expires_at = match expiry {
            Expiry::Default => self.default_lifetime().map(after),
            Expiry::At(time) => Some(whole_micros(time)),
            Expiry::Never => None,
        };
        if expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(RegistryError::ExpiryInThePast);
        }
        match self.max_lifetime {
            Some(max) if expires_at.is_none_or(|expiry| expiry > after(max)) => {
                Err(RegistryError::LifetimeTooLong { max })
            }
            _ => Ok(expires_at),
        }
    }

    fn mint_new(&self, token: NewToken) -> Result<(IssuedToken, StoredToken), RegistryError> {
        let NewToken { organization, name, scopes, expiry, nonce: _ } = token;
        check_name(&name)?;
        if !organization.is_valid() {
            return Err(RegistryError::InvalidOrganization);
        }
        if scopes.is_empty() {
            return Err(RegistryError::NoScopes);
        }
        let scopes = self.catalogue.canonical_names(&scopes)?;
        let scopes = scopes.into_iter().map(str::to_owned).collect();
        let now = self.now();
        let expires_at = self.expiry(expiry, now)?;
        Ok(self.mint(|id, hint| TokenRecord {
            id,
            organization,
            name,
            hint,
            scopes,
            created_at: now,
            expires_at,
            first_used_at: None,
            last_used_at: None,
            last_used_by: None,
            replaces: None,
            replaced_by: None,
            digest_method: DigestMethod::of_new(&self.digester),
        }))
    }

    fn mint_successor(&self, old: TokenRecord, now: Timestamp) -> (IssuedToken, StoredToken) {
        let lifetime = old.expires_at.map(|end| end.saturating_duration_since(old.created_at));
        let lifetime = shorter(lifetime, self.max_lifetime);
        self.mint(|id, hint| TokenRecord {
            id,
            hint,
            created_at: now,
            expires_at: lifetime.map(|lifetime| whole_micros(now.saturating_add(lifetime))),
            first_used_at: None,
            last_used_at: None,
            last_used_by: None,
            replaces: Some(old.id),
            replaced_by: None,
            digest_method: DigestMethod::of_new(&self.digester),
            ..old
        })
    }

    fn mint(
        &self,
        record: impl FnOnce(TokenId, TokenHint) -> TokenRecord,
    ) -> (IssuedToken, StoredToken) {
        let secret = PlainToken::mint(&self.prefix);
        let record = record(TokenId::new_at(self.now()), secret.hint());
        let digest = self.digester.digest(secret.expose_secret().as_bytes());
        (IssuedToken { secret, record: record.clone() }, StoredToken { digest, record })
    }
}

pub(super) fn target(token: &TokenRecord) -> AuditTarget {
    AuditTarget::Token { organization: token.organization.clone(), id: token.id }
}
