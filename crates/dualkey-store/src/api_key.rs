use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

/// A partner's key: 8 to 128 visible ASCII characters other than `"`, `,`, `;` and `\`, so that it is
/// one plain value in a header field.
///
/// The key is public, and may be logged: it names the calling partner, and gives no access without a
/// token. A clone of a key of up to 23 bytes copies it. A clone of a longer key increments a reference
/// count.
///
/// ```
/// use dualkey_store::ApiKey;
///
/// let key: ApiKey = "partner-key-1".parse()?;
/// assert_eq!(key.as_str(), "partner-key-1");
/// assert!(ApiKey::parse("two words").is_err());
/// assert!(ApiKey::parse(b"\xff not ASCII").is_err());
/// # Ok::<(), dualkey_store::InvalidApiKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct ApiKey(SmolStr);

/// A text that cannot be a partner's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a partner key must have 8 to 128 visible ASCII characters other than \" , ; \\")]
pub struct InvalidApiKey;

impl ApiKey {
    /// The key with exactly these bytes. White space is not trimmed, so it is an error.
    ///
    /// # Errors
    ///
    /// The text has fewer than 8 or more than 128 bytes. Or a byte is not a visible ASCII character, or
    /// is one of `"`, `,`, `;` and `\`.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, InvalidApiKey> {
        let bytes = text.as_ref();
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\",;\\".contains(byte);
        if !(8..=128).contains(&bytes.len()) || !bytes.iter().all(is_plain) {
            return Err(InvalidApiKey);
        }
        std::str::from_utf8(bytes).map(|text| Self(text.into())).map_err(|_| InvalidApiKey)
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for ApiKey {
    type Error = InvalidApiKey;

    fn try_from(text: &str) -> Result<Self, InvalidApiKey> {
        Self::parse(text)
    }
}

impl AsRef<str> for ApiKey {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for ApiKey {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ApiKey {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({:?})", self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ApiKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = SmolStr::deserialize(deserializer)?;
        Self::parse(text).map_err(serde::de::Error::custom)
    }
}
