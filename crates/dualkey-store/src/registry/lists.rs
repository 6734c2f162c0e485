use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_token::PlainToken;

use super::Registry;
use crate::{OrganizationId, Page, RegistryError, TokenId, TokenRecord};

impl Registry {
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
}
