use std::time::Duration;

use dualkey_limit::Timestamp;

use super::{Registry, whole_micros};
use crate::{Expiry, RegistryError};

impl Registry {
    /// Sets the maximum lifetime of new tokens. Default: none.
    ///
    /// A token that expires later, or [never](crate::NewToken::without_expiry), is refused. A successor gets
    /// at most this lifetime. Tokens that were issued before keep their expiry.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_store::{NewToken, Registry, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let year = Duration::from_hours(365 * 24);
    /// let registry = registry.with_max_lifetime(year);
    /// let token = |name| NewToken::new("acme", name, ["guests:read"]);
    /// let issued = registry.issue_token(token("test")).await?;
    /// assert!(issued.record.expires_at.is_some()); // after a year
    /// let endless = registry.issue_token(token("endless").without_expiry()).await;
    /// assert!(matches!(endless, Err(RegistryError::LifetimeTooLong { max }) if max == year));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn with_max_lifetime(self, max: Duration) -> Self {
        Self { max_lifetime: Some(max), ..self }
    }

    /// Sets the lifetime of tokens that are issued without an expiry. Default: the maximum lifetime, or no
    /// expiry if there is none. A default above the maximum counts as the maximum.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_store::{NewToken, Registry};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let registry = registry.with_default_lifetime(Duration::from_hours(90 * 24));
    /// let token = |name| NewToken::new("acme", name, ["guests:read"]);
    /// let record = registry.issue_token(token("test")).await?.record;
    /// let end = record.created_at.saturating_add(Duration::from_hours(90 * 24));
    /// assert_eq!(record.expires_at, Some(end));
    /// let endless = registry.issue_token(token("endless").without_expiry()).await?.record;
    /// assert_eq!(endless.expires_at, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn with_default_lifetime(self, lifetime: Duration) -> Self {
        Self { default_lifetime: Some(lifetime), ..self }
    }

    /// The maximum lifetime of new tokens, if there is one.
    #[must_use]
    pub const fn max_lifetime(&self) -> Option<Duration> {
        self.max_lifetime
    }

    /// The lifetime of tokens that are issued without an expiry. `None`: they do not expire.
    #[must_use]
    pub fn default_lifetime(&self) -> Option<Duration> {
        shorter(self.default_lifetime, self.max_lifetime)
    }

    /// When a token that is issued now expires.
    pub(super) fn expiry(
        &self,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, RegistryError> {
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
}

/// The shorter of two lifetimes, of which `None` is endless.
pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
