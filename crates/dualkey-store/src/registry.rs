use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, LimitPolicy, SystemClock, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_token::{Digester, PlainToken, Prefix};
use rand::rngs::SysRng;
use rand::{RngExt as _, distr::Alphanumeric, rand_core::UnwrapErr};

use crate::{
    ApiKey, AuditAction, AuditEntry, AuditId, AuditTarget, DailyUsage, InsertOutcome, IssuedToken,
    MemoryStore, NewPartner, NewToken, OrganizationId, Page, Partner, PartnerId, RegistryError,
    RevokeOutcome, RotateOutcome, RotationRequest, Store, StoredToken, TokenId, TokenRecord,
};

/// The one door for changes to partners and tokens. Clones are the same registry.
///
/// What a verb acknowledges is kept by the store, and known to every [`Verifier`] of this process. Each
/// change is kept with an entry in the audit trail, which says who made it.
///
/// [`Verifier`]: https://docs.rs/dualkey-verify
#[derive(Clone)]
pub struct Registry {
    catalogue: Catalogue,
    prefix: Prefix,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    digester: Digester,
    max_tokens_per_organization: usize,
    actor: Arc<str>,
}

impl Registry {
    /// A registry of tokens with this prefix and scopes of this catalogue, kept in this store.
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        prefix: Prefix,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let digester = Digester::unpeppered();
        let actor = "system".into();
        Self { catalogue, prefix, store, clock, digester, max_tokens_per_organization: 100, actor }
    }

    /// A registry in a [`MemoryStore`] of its own, on the system's clock.
    #[must_use]
    pub fn in_memory(catalogue: Catalogue, prefix: Prefix) -> Self {
        Self::new(catalogue, prefix, Arc::new(MemoryStore::new()), Arc::new(SystemClock))
    }

    /// Stores tokens under a pepper: see [`Digester`].
    #[must_use]
    pub fn with_digester(self, digester: Digester) -> Self {
        Self { digester, ..self }
    }

    /// Bounds how many tokens an organization may have, expired ones included; 100 if not said.
    /// Rotation may go up to twice that, so that a full list can be rotated.
    #[must_use]
    pub fn with_max_tokens_per_organization(self, max_tokens: usize) -> Self {
        Self { max_tokens_per_organization: max_tokens, ..self }
    }

    /// This registry, with this actor in the audit trail: who is signed in, or which job runs. `system`
    /// if not said.
    ///
    /// # Errors
    ///
    /// The name is empty, longer than 100 characters, or holds control characters.
    pub fn with_actor(&self, actor: &str) -> Result<Self, RegistryError> {
        if !is_name(actor) {
            return Err(RegistryError::InvalidActor);
        }
        Ok(Self { actor: actor.into(), ..self.clone() })
    }

    /// The scopes that tokens can carry.
    #[must_use]
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What tokens begin with.
    #[must_use]
    pub const fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Where partners and tokens are kept.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What time it is.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How a token's text becomes what is stored of it.
    #[must_use]
    pub const fn digester(&self) -> &Digester {
        &self.digester
    }

    /// Registers a partner, under its own key or under one that is drawn.
    ///
    /// # Errors
    ///
    /// Its name, key or limits are invalid, another partner has its key, or the store failed.
    pub async fn register_partner(&self, partner: NewPartner) -> Result<Partner, RegistryError> {
        let NewPartner { name, policy, api_key } = partner;
        check_name(&name)?;
        let policy = policy.validated()?;
        let api_key = api_key.unwrap_or_else(draw_api_key);
        self.check_api_key(&api_key)?;
        let created_at = self.now();
        let id = PartnerId::draw(created_at);
        let partner = Partner { id, name, api_key, policy, enabled: true, created_at };
        let subject = AuditTarget::Partner { id };
        let entry = self.entry(AuditAction::PartnerRegistered, subject, partner.name.clone());
        match self.store.insert_partner(partner.clone(), entry).await? {
            InsertOutcome::Inserted => Ok(partner),
            InsertOutcome::Refused => Err(RegistryError::ApiKeyTaken),
        }
    }

    /// All partners, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn partners(&self) -> Result<Vec<Partner>, RegistryError> {
        Ok(self.store.partners().await?)
    }

    /// The partner with this key.
    ///
    /// # Errors
    ///
    /// There is no such partner, or the store failed.
    pub async fn partner(&self, api_key: &ApiKey) -> Result<Partner, RegistryError> {
        self.store.partner_by_key(api_key).await?.ok_or(RegistryError::NotFound)
    }

    /// All partners, oldest first, with the permits that each used today, as far as they are written.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn partners_with_usage(&self) -> Result<Vec<(Partner, u64)>, RegistryError> {
        let (partners, usages) = (self.store.partners().await?, self.store.usages().await?);
        let now = self.now();
        let latest: HashMap<_, _> = usages.iter().map(|usage| (usage.partner, usage)).collect();
        let used_today = |partner: &Partner| match latest.get(&partner.id) {
            Some(DailyUsage { day, permits, .. }) if *day == partner.policy.day(now) => *permits,
            _ => 0,
        };
        let with_usage = |partner| {
            let used = used_today(&partner);
            (partner, used)
        };
        Ok(partners.into_iter().map(with_usage).collect())
    }

    /// Changes the limits of the partner with this key. What it holds and has used today is kept.
    ///
    /// # Errors
    ///
    /// There is no such partner, the limits are invalid, or the store failed.
    pub async fn set_limits(
        &self,
        api_key: &ApiKey,
        policy: LimitPolicy,
    ) -> Result<Partner, RegistryError> {
        let policy = policy.validated()?;
        let id = self.partner(api_key).await?.id;
        let subject = AuditTarget::Partner { id };
        let entry = self.entry(AuditAction::LimitsChanged, subject, policy.to_string());
        self.store.set_limits(id, policy, entry).await?.ok_or(RegistryError::NotFound)
    }

    /// Accepts the key of a partner, or refuses it from now on.
    ///
    /// # Errors
    ///
    /// There is no such partner, or the store failed.
    pub async fn set_enabled(
        &self,
        api_key: &ApiKey,
        enabled: bool,
    ) -> Result<Partner, RegistryError> {
        let id = self.partner(api_key).await?.id;
        let action =
            if enabled { AuditAction::PartnerEnabled } else { AuditAction::PartnerDisabled };
        let entry = self.entry(action, AuditTarget::Partner { id }, String::new());
        self.store.set_enabled(id, enabled, entry).await?.ok_or(RegistryError::NotFound)
    }

    /// Issues a token. The answer holds its text, for the only time.
    ///
    /// # Errors
    ///
    /// Its name, organization, scopes or expiry are invalid, the organization has too many tokens, or
    /// the store failed.
    pub async fn issue_token(&self, token: NewToken) -> Result<IssuedToken, RegistryError> {
        let NewToken { organization, name, scopes, expires_at } = token;
        check_name(&name)?;
        if !organization.is_valid() {
            return Err(RegistryError::InvalidOrganization);
        }
        if scopes.is_empty() {
            return Err(RegistryError::NoScopes);
        }
        self.catalogue.grant(&scopes)?;
        let now = self.now();
        let expires_at = expires_at.map(whole_micros);
        if expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(RegistryError::ExpiryInThePast);
        }
        let (issued, stored) = self.mint(|id, hint| TokenRecord {
            id,
            organization,
            name,
            hint,
            scopes,
            created_at: now,
            expires_at,
            first_used_at: None,
            last_used_at: None,
            replaces: None,
            replaced_by: None,
        });
        let detail = stored.record.name.clone();
        let entry = self.entry(AuditAction::TokenIssued, subject(&stored.record), detail);
        match self.store.insert_token(stored, self.max_tokens_per_organization, entry).await? {
            InsertOutcome::Inserted => Ok(issued),
            InsertOutcome::Refused => {
                Err(RegistryError::TooManyTokens { max_tokens: self.max_tokens_per_organization })
            }
        }
    }

    /// An organization's tokens, newest first.
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

    /// A page of an organization's tokens, newest first.
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

    /// A page of what was done to an organization's tokens or, without one, to partners; newest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn audit(
        &self,
        organization: Option<&OrganizationId>,
        page: Page<AuditId>,
    ) -> Result<Vec<AuditEntry>, RegistryError> {
        Ok(self.store.audit(organization, page).await?)
    }

    /// What is recorded of this token, whatever its organization.
    ///
    /// # Errors
    ///
    /// It was never issued or is revoked, or the store failed.
    pub async fn token(&self, secret: &PlainToken) -> Result<TokenRecord, RegistryError> {
        for digest in self.digester.candidates(secret.expose_secret().as_bytes()) {
            let stored = self.store.token_by_digest(&digest).await?;
            if let Some(stored) = stored.filter(|stored| stored.digest.ct_eq(&digest).into()) {
                return Ok(stored.record);
            }
        }
        Err(RegistryError::NotFound)
    }

    /// An organization's tokens that were not used since: candidates for retirement. One that was
    /// never used counts from when it was issued.
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

    /// Issues a token that takes the place of another, with the same name, scopes and lifetime. The
    /// old one works for the overlap, which may be zero, and never past its own expiry; it stays in
    /// the list until it is revoked.
    ///
    /// # Errors
    ///
    /// The organization has no such token or too many, the token has expired or was rotated before,
    /// or the store failed.
    pub async fn rotate_token(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
        overlap: Duration,
    ) -> Result<IssuedToken, RegistryError> {
        let old = self.store.token(organization, token).await?;
        let old = old.ok_or(RegistryError::NotFound)?;
        let subject = subject(&old);
        let now = self.now();
        let lifetime = old.expires_at.map(|end| end.saturating_duration_since(old.created_at));
        let (issued, stored) = self.mint(|id, hint| TokenRecord {
            id,
            hint,
            created_at: now,
            expires_at: lifetime.map(|lifetime| now.saturating_add(lifetime)),
            first_used_at: None,
            last_used_at: None,
            replaces: Some(old.id),
            replaced_by: None,
            ..old
        });
        let entry = self.entry(AuditAction::TokenRotated, subject, issued.record.id.to_string());
        let max_tokens = self.max_tokens_per_organization.saturating_mul(2);
        let old_expires_at = whole_micros(now.saturating_add(overlap));
        let request = RotationRequest { successor: stored, old_expires_at, max_tokens };
        let rotated = self.store.rotate_token(*token, request, entry).await?;
        match rotated {
            RotateOutcome::Rotated => Ok(issued),
            RotateOutcome::NotFound => Err(RegistryError::NotFound),
            RotateOutcome::Expired => Err(RegistryError::Expired),
            RotateOutcome::AlreadyRotated => Err(RegistryError::AlreadyRotated),
            RotateOutcome::Refused => Err(RegistryError::TooManyTokens { max_tokens }),
        }
    }

    /// Revokes a token, for good. Another organization's token is not found, and neither is one that
    /// was revoked before.
    ///
    /// # Errors
    ///
    /// The organization has no such token, or the store failed.
    pub async fn revoke_token(
        &self,
        organization: &OrganizationId,
        token: &TokenId,
    ) -> Result<(), RegistryError> {
        let subject = AuditTarget::Token { organization: organization.clone(), id: *token };
        let entry = self.entry(AuditAction::TokenRevoked, subject, String::new());
        match self.store.revoke_token(organization, token, entry).await? {
            RevokeOutcome::Revoked => Ok(()),
            RevokeOutcome::NotFound => Err(RegistryError::NotFound),
        }
    }

    /// In whole microseconds, which is what databases keep of a time.
    fn now(&self) -> Timestamp {
        whole_micros(self.clock.now())
    }

    fn entry(&self, action: AuditAction, subject: AuditTarget, detail: String) -> AuditEntry {
        let (at, actor) = (self.now(), self.actor.as_ref().to_owned());
        AuditEntry { id: AuditId::draw(at), at, actor, action, subject, detail }
    }

    fn mint(
        &self,
        record: impl FnOnce(TokenId, dualkey_token::TokenHint) -> TokenRecord,
    ) -> (IssuedToken, StoredToken) {
        let secret = PlainToken::mint(&self.prefix);
        let record = record(TokenId::draw(self.now()), secret.hint());
        let digest = self.digester.digest(secret.expose_secret().as_bytes());
        (IssuedToken { secret, record: record.clone() }, StoredToken { digest, record })
    }

    fn check_api_key(&self, api_key: &ApiKey) -> Result<(), RegistryError> {
        match PlainToken::parse(&self.prefix, api_key.as_str()) {
            Ok(_) => Err(RegistryError::TokenAsApiKey),
            Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("prefix", &self.prefix)
            .field("store", &self.store)
            .field("digester", &self.digester)
            .finish_non_exhaustive()
    }
}

fn check_name(name: &str) -> Result<(), RegistryError> {
    if is_name(name) { Ok(()) } else { Err(RegistryError::InvalidName) }
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn whole_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos() / 1_000 * 1_000)
}

fn subject(token: &TokenRecord) -> AuditTarget {
    AuditTarget::Token { organization: token.organization.clone(), id: token.id }
}

/// 16 letters and digits: 95 bits, so that nobody meets another partner's key by chance.
fn draw_api_key() -> ApiKey {
    let text = Vec::from_iter(UnwrapErr(SysRng).sample_iter(Alphanumeric).take(16));
    ApiKey::parse(text).expect("16 letters and digits are a key")
}
