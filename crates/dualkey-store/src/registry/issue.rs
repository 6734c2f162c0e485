use dualkey_token::{PlainToken, TokenHint};

use super::tokens::target;
use super::{Registry, check_name};
use crate::{
    AuditAction, DigestMethod, FormNonce, IssueOutcome, IssueRequest, IssuedToken, NewToken,
    RegistryError, StoredToken, TokenId, TokenRecord,
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

    /// Refuses a stale nonce. Where nonces are used, old ones are deleted.
    pub(super) async fn check_nonce(&self, nonce: Option<FormNonce>) -> Result<(), RegistryError> {
        match nonce {
            None => Ok(()),
            Some(nonce) if nonce.is_stale(self.now()) => Err(RegistryError::StaleForm),
            Some(_) => self.prune_nonces().await.map(|_| ()),
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

    pub(super) fn mint(
        &self,
        record: impl FnOnce(TokenId, TokenHint) -> TokenRecord,
    ) -> (IssuedToken, StoredToken) {
        let secret = PlainToken::mint(&self.prefix);
        let record = record(TokenId::new_at(self.now()), secret.hint());
        let digest = self.digester.digest(secret.expose_secret().as_bytes());
        (IssuedToken { secret, record: record.clone() }, StoredToken { digest, record })
    }
}
