use dualkey_limit::{LimitPolicy, Timestamp};

use crate::PartnerId;

/// An integration that may call the API, with its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Partner {
    /// How lists and logs name it.
    pub id: PartnerId,
    /// What people call it.
    pub name: String,
    /// What it sends in `X-Api-Key`: no secret, and of no use alone.
    pub api_key: String,
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
    /// Its key, if it brings one: 8 to 128 visible ASCII characters other than `"`, `,`, `;` and `\`.
    /// Otherwise 16 letters and digits are drawn.
    pub api_key: Option<String>,
}

impl NewPartner {
    /// A partner of this name, with the default limits and a key that is drawn.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), policy: LimitPolicy::default(), api_key: None }
    }
}

/// Whether these bytes can be a partner's key: 8 to 128 visible ASCII characters other than `"`, `,`,
/// `;` and `\`.
#[must_use]
pub fn is_api_key(key: &[u8]) -> bool {
    (8..=128).contains(&key.len())
        && key.iter().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
}
