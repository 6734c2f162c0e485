mod issue;
mod lifetimes;
mod lists;
mod partners;
mod prune;
mod rotation;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, SystemClock, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_token::{Digester, Prefix};

use crate::{
    AuditAction, AuditEntry, AuditId, AuditTarget, MemoryStore, OrganizationId, Page,
    RegistryError, Store,
};

/// Changes and lists partners and tokens. Clones share one store.
///
/// Every change goes through a registry, which checks the arguments and stores each change with an entry
/// in the audit trail. When a method returns `Ok`, the change is stored, and every [`Verifier`] of this
/// process applies it from then on.
///
/// ```
/// use dualkey_scope::Catalogue;
/// use dualkey_store::{NewPartner, NewToken, Registry, RegistryError};
/// use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
/// assert!(issued.secret.expose_secret().starts_with("gw_"));
///
/// let unknown = registry.issue_token(NewToken::new("acme", "test", ["guests:edit"])).await;
/// assert!(matches!(unknown, Err(RegistryError::UnknownScopes(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
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
    default_lifetime: Option<Duration>,
    max_lifetime: Option<Duration>,
    actor: Arc<str>,
}

impl Registry {
    /// A registry of tokens with this prefix and scopes of this catalogue, on this store.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dualkey_limit::SystemClock;
    /// use dualkey_store::{MemoryStore, Registry};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
    /// let store = Arc::new(MemoryStore::new()); // or a store of dualkey-sql
    /// let registry = Registry::new(catalogue, Prefix::new("gw"), store, Arc::new(SystemClock));
    /// assert_eq!(registry.prefix().as_str(), "gw");
    /// ```
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        prefix: Prefix,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        store.changes().add_clock(&clock);
        Self {
            catalogue,
            prefix,
            store,
            clock,
            digester: Digester::unpeppered(),
            max_tokens_per_organization: 100,
            default_lifetime: None,
            max_lifetime: None,
            actor: "system".into(),
        }
    }

    /// A registry on a new [`MemoryStore`] and the system's clock.
    #[must_use]
    pub fn in_memory(catalogue: Catalogue, prefix: Prefix) -> Self {
        Self::new(catalogue, prefix, Arc::new(MemoryStore::new()), Arc::new(SystemClock))
    }

    /// Sets how tokens are digested, for example with a pepper. Default:
    /// [`Digester::unpeppered`].
    ///
    /// ```
    /// use dualkey_store::Registry;
    /// # use dualkey_scope::Catalogue;
    /// use dualkey_token::{Digester, Pepper, Prefix};
    ///
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
    /// let pepper = Pepper::new([7; 32])?; // read it from where the application keeps its secrets
    /// let registry = Registry::in_memory(catalogue, Prefix::new("gw"))
    ///     .with_digester(Digester::peppered(pepper));
    /// # Ok::<(), dualkey_token::InvalidPepper>(())
    /// ```
    #[must_use]
    pub fn with_digester(self, digester: Digester) -> Self {
        Self { digester, ..self }
    }

    /// Sets the maximum number of tokens of an organization that have not expired. Default: 100. Rotation may
    /// go up to twice the maximum, so that every token of a full list can be rotated.
    ///
    /// ```
    /// use dualkey_store::{NewToken, Registry, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let registry = registry.with_max_tokens_per_organization(1);
    /// let token = || NewToken::new("acme", "test", ["guests:read"]);
    /// assert!(registry.issue_token(token()).await.is_ok());
    /// let refused = registry.issue_token(token()).await;
    /// assert!(matches!(refused, Err(RegistryError::TooManyTokens { max_tokens: 1 })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn with_max_tokens_per_organization(self, max_tokens: usize) -> Self {
        Self { max_tokens_per_organization: max_tokens, ..self }
    }

    /// The same registry with another actor in the audit trail, such as the user who is signed in or the
    /// job that runs. Default: `system`.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// assert!(registry.with_actor("alice@acme.example").is_ok());
    /// assert!(registry.with_actor("").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The name is empty, longer than 100 characters, or has control characters.
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

    /// The prefix of tokens.
    #[must_use]
    pub const fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The store of partners and tokens.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock that dates changes.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How tokens are digested.
    #[must_use]
    pub const fn digester(&self) -> &Digester {
        &self.digester
    }

    /// The maximum number of tokens of an organization that have not expired.
    #[must_use]
    pub const fn max_tokens_per_organization(&self) -> usize {
        self.max_tokens_per_organization
    }

    /// A page of the changes to an organization's tokens or, without an organization, to partners. Newest
    /// first.
    ///
    /// ```
    /// use dualkey_store::{AuditAction, NewPartner, Page};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// registry.with_actor("alice")?.register_partner(NewPartner::new("Zapier")).await?;
    /// let trail = registry.audit(None, Page::first(50)).await?;
    /// assert_eq!((trail[0].actor.as_str(), trail[0].action), ("alice", AuditAction::PartnerRegistered));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
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

    /// Now in whole microseconds, the resolution at which databases store a time.
    fn now(&self) -> Timestamp {
        whole_micros(self.clock.now())
    }

    fn audit_entry(&self, action: AuditAction, subject: AuditTarget, detail: String) -> AuditEntry {
        let (at, actor) = (self.now(), self.actor.as_ref().to_owned());
        AuditEntry { id: AuditId::new_at(at), at, actor, action, subject, detail }
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

/// Rounds down to whole microseconds.
fn whole_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos() / 1_000 * 1_000)
}
