use std::time::Duration;

use dualkey_limit::Timestamp;

use super::Registry;
use super::tokens::target;
use crate::{AuditAction, OrganizationId, RegistryError, TokenRecord};

/// The time for which an expired token stays in lists.
const EXPIRED_TTL: Duration = Duration::from_secs(30 * 86_400);
/// The time for which a nonce is kept: longer than a form with it is accepted.
const NONCE_TTL: Duration = Duration::from_secs(7 * 86_400);
/// The maximum number of expired tokens of an organization.
const MAX_EXPIRED: usize = 100;
/// The tokens that one transaction deletes, so that it ends well within the timeout of a store.
const BATCH: u32 = 20;

impl Registry {
    /// Deletes the tokens of all organizations that had expired at this time, or now if that is earlier. Those
    /// that expired first are deleted first, each with an entry in the audit trail. Returns their number.
    ///
    /// Nonces of forms that were sent a week ago are deleted too.
    ///
    /// Issuing or rotating a token also prunes, in its organization: tokens that expired 30 days ago, and the
    /// oldest expired ones beyond 100. A program that never calls this method keeps the expired tokens of
    /// organizations that issue no more.
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
    /// let acme = "acme".into();
    /// let old = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?.record;
    /// registry.rotate_token(&acme, &old.id, Duration::ZERO).await?; // the old one expires at once
    ///
    /// let month_ago = registry.clock().now().saturating_sub(Duration::from_secs(30 * 86_400));
    /// assert_eq!(registry.prune_expired(month_ago).await?, 0);
    /// assert_eq!(registry.prune_expired(registry.clock().now()).await?, 1);
    /// assert_eq!(registry.tokens(&acme).await?.len(), 1); // the successor
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed. Some of the tokens may be deleted.
    pub async fn prune_expired(&self, before: Timestamp) -> Result<u64, RegistryError> {
        let at = before.min(self.now());
        while self.prune_nonces().await? > 0 {}
        let mut pruned = 0;
        loop {
            let expired = self.store.expired_tokens(None, at, BATCH).await?;
            if expired.is_empty() {
                return Ok(pruned);
            }
            pruned += self.prune(at, &expired).await?;
        }
    }

    /// Deletes the expired tokens of an organization that are not to be kept.
    pub(super) async fn prune_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<(), RegistryError> {
        let now = self.now();
        let expired = self.store.expired_tokens(Some(organization), now, u32::MAX).await?;
        let kept_since = now.saturating_sub(EXPIRED_TTL);
        let is_old = |token: &TokenRecord| token.expires_at.is_some_and(|at| at <= kept_since);
        let excess = expired.len().saturating_sub(MAX_EXPIRED);
        let pruned = &expired[..expired.partition_point(is_old).max(excess)];
        for batch in pruned.chunks(BATCH as usize) {
            self.prune(now, batch).await?;
        }
        Ok(())
    }

    /// Deletes nonces of forms that were sent long ago, of all organizations. Zero: none is left.
    pub(super) async fn prune_nonces(&self) -> Result<u64, RegistryError> {
        Ok(self.store.prune_nonces(self.now().saturating_sub(NONCE_TTL)).await?)
    }

    async fn prune(&self, at: Timestamp, tokens: &[TokenRecord]) -> Result<u64, RegistryError> {
        let entry = |token: &TokenRecord| {
            self.audit_entry(AuditAction::TokenPruned, target(token), token.name.clone())
        };
        Ok(self.store.prune_tokens(at, tokens.iter().map(entry).collect()).await?)
    }
}
