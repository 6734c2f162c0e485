use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dualkey_limit::Timestamp;
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
