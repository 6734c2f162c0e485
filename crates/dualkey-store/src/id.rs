use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dualkey_limit::Timestamp;
use smol_str::SmolStr;
use uuid::{ContextV7, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A UUID of version 7 (RFC 9562 §5.7): later ids are greater. It may be logged, since it is not
        /// a credential.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) fn new_at(now: Timestamp) -> Self {
                Self(new_uuid_v7(now))
            }

            /// The id with these bytes of a UUID.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of the UUID, to store.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id! {
    /// The id of a partner.
    ///
    /// ```
    /// use dualkey_store::PartnerId;
    ///
    /// let id: PartnerId = "0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b".parse()?;
    /// assert_eq!(id.to_string(), "0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b");
    /// assert!("partner 1".parse::<PartnerId>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PartnerId
}

id! {
    /// The id of an organization access token.
    ///
    /// ```
    /// use dualkey_store::TokenId;
    ///
    /// let (older, newer) = (TokenId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
    /// assert!(older < newer);
    /// assert_eq!(older.as_bytes(), &[1; 16]);
    /// ```
    TokenId
}

id! {
    /// The id of an entry of the audit trail.
    ///
    /// ```
    /// use dualkey_store::AuditId;
    ///
    /// assert_eq!(AuditId::from_bytes([0; 16]).to_string(), "00000000-0000-0000-0000-000000000000");
    /// ```
    AuditId
}

/// A UUID that is greater than all earlier ones of this process, even within a millisecond and when the
/// clock does not advance (RFC 9562 §6.2).
fn new_uuid_v7(now: Timestamp) -> Uuid {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

    let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let nanos = Duration::from_nanos(now.as_nanos()).subsec_nanos();
    Uuid::new_v7(uuid::Timestamp::from_unix(&*context, now.as_secs(), nanos))
}

/// The name of an organization in the program that uses this crate. A clone of a name of up to 23 bytes
/// copies it. A clone of a longer name increments a reference count.
///
/// A [`Registry`](crate::Registry) accepts names of 1 to 128 bytes without control characters.
///
/// ```
/// use dualkey_store::OrganizationId;
///
/// assert_eq!(OrganizationId::new("acme").as_str(), "acme");
/// assert!(OrganizationId::new("acme").is_valid());
/// assert!(!OrganizationId::new("").is_valid());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct OrganizationId(SmolStr);

impl OrganizationId {
    /// The organization with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a registry accepts this name: it has 1 to 128 bytes and no control characters.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let name = self.as_str();
        (1..=128).contains(&name.len()) && !name.contains(char::is_control)
    }
}

impl From<&str> for OrganizationId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for OrganizationId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrganizationId({:?})", self.as_str())
    }
}
