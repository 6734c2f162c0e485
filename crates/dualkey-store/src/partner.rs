use dualkey_limit::{LimitPolicy, Timestamp};

use crate::{ApiKey, PartnerId};

/// An integration that may call the API, with its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Partner {
    /// How lists and logs name it.
    pub id: PartnerId,
    /// What people call it.
    pub name: String,
    /// What it sends in `X-Api-Key`: no secret, and of no use alone.
    pub api_key: ApiKey,
    /// Its limits.
    pub policy: LimitPolicy,
    /// Whether its key is accepted.
    pub enabled: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A partner to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartner {
    /// What people call it: 1 to 100 characters, no control characters.
    pub name: String,
    /// Its limits.
    pub policy: LimitPolicy,
    /// Its key, if it brings one. Default: 16 letters and digits are drawn.
    pub api_key: Option<ApiKey>,
}

impl NewPartner {
    /// A partner of this name, with the default limits and a key that is drawn.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), policy: LimitPolicy::default(), api_key: None }
    }

    /// The same partner with these limits.
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
