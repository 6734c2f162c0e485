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
        /// A UUID of version 7 (RFC 9562 §5.7): later ones are greater. It may be logged: it is of no
        /// use as a credential.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) fn draw(now: Timestamp) -> Self {
                Self(draw(now))
            }

            /// The id that a store holds as raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The raw bytes, for a store.
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
    /// A partner: an integration that calls the API.
    PartnerId
}

id! {
    /// An organization access token, as lists and logs name it.
    TokenId
}

id! {
    /// An entry of the audit trail.
    AuditId
}

/// Greater than all that this process drew before, also within a millisecond and when the clock stands
/// still (RFC 9562 §6.2).
fn draw(now: Timestamp) -> Uuid {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

    let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let nanos = Duration::from_nanos(now.as_nanos()).subsec_nanos();
    Uuid::new_v7(uuid::Timestamp::from_unix(&*context, now.as_secs(), nanos))
}

/// An organization, as the embedding program names it. A clone of a name of up to 23 bytes touches no
/// shared memory; longer names share a reference count.
///
/// A [`Registry`](crate::Registry) takes names of 1 to 128 bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct OrganizationId(SmolStr);

impl OrganizationId {
    /// The organization of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a registry takes this name: it has 1 to 128 bytes and no control characters.
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
