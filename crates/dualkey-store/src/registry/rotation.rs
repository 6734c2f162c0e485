use std::time::Duration;

use dualkey_limit::Timestamp;

use super::lifetimes::shorter;
use super::tokens::target;
use super::{Registry, whole_micros};
use crate::{
    AuditAction, DigestMethod, FormNonce, IssuedToken, OrganizationId, RegistryError,
    RotateOutcome, RotationRequest, StoredToken, TokenId, TokenRecord,
};

impl Registry {
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
}
