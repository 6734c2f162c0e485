use super::{Registry, check_name};
use crate::{
    AuditAction, AuditTarget, OrganizationId, RegistryError, RenameOutcome, RenameRequest,
    RevokeOutcome, TokenId, TokenRecord,
};

impl Registry {
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
}

pub(super) fn target(token: &TokenRecord) -> AuditTarget {
    AuditTarget::Token { organization: token.organization.clone(), id: token.id }
}
