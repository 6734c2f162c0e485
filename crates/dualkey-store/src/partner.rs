use dualkey_limit::{LimitPolicy, Timestamp};

use crate::{ApiKey, PartnerId};

/// An integration that may call the API, with its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Partner {
    /// Its id in lists and logs.
    pub id: PartnerId,
    /// Its display name.
    pub name: String,
    /// The value of its `X-Api-Key` field. It is public, and gives no access without a token.
    pub api_key: ApiKey,
    /// Its limits.
    pub policy: LimitPolicy,
    /// Whether its key is accepted.
    pub enabled: bool,
    /// When it was registered, in whole microseconds.
    pub created_at: Timestamp,
}

/// A partner to [register](crate::Registry::register_partner).
///
/// ```
/// use dualkey_store::{ApiKey, NewPartner, Registry};
/// # use dualkey_scope::Catalogue;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let key = ApiKey::parse("zapier-key-1")?;
/// let partner = registry.register_partner(NewPartner::new("Zapier").with_api_key(key)).await?;
/// assert_eq!(partner.api_key, "zapier-key-1");
///
/// let partner = registry.register_partner(NewPartner::new("Door locks")).await?;
/// assert_eq!(partner.api_key.as_str().len(), 16); // a random key
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartner {
    /// Its display name: 1 to 100 characters, no control characters.
    pub name: String,
    /// Its limits. Default: [`LimitPolicy::default`].
    pub policy: LimitPolicy,
    /// Its key. Default: 16 random letters and digits.
    pub api_key: Option<ApiKey>,
}

impl NewPartner {
    /// A partner with this name, the default limits and a random key.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), policy: LimitPolicy::default(), api_key: None }
    }

    /// The same partner with these limits.
    ///
    /// ```
    /// use dualkey_limit::LimitPolicy;
    /// use dualkey_store::NewPartner;
    ///
    /// let policy = LimitPolicy::default().without_daily();
    /// assert_eq!(NewPartner::new("Zapier").with_policy(policy).policy, policy);
    /// ```
    #[must_use]
    pub fn with_policy(self, policy: LimitPolicy) -> Self {
        Self { policy, ..self }
    }

    /// The same partner with this key.
    #[must_use]
    pub fn with_api_key(self, api_key: ApiKey) -> Self {
        Self { api_key: Some(api_key), ..self }
    }
}
