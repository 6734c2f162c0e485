use core::fmt;

use crate::plain::BODY_LEN;

/// What a token begins with: `gw` in `gw_…`.
///
/// 1 to 24 bytes of `[a-z0-9_]` that begin with a letter and end with a letter or digit. It tells a
/// reader, and a scanner of leaked secrets, whose token this is. It may contain `_`, so a text is
/// never split to find it.
///
/// ```
/// use tollgate_token::Prefix;
///
/// const LIVE: Prefix = Prefix::new("acme_live"); // checked when this line is compiled
/// assert_eq!(LIVE.as_str(), "acme_live");
/// assert!(Prefix::try_from("Acme").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

/// The text is no [`Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a prefix has 1 to 24 of a-z, 0-9 and _, begins with a letter and ends with a letter or digit"
)]
pub struct InvalidPrefix;

impl Prefix {
    /// The longest prefix, in bytes.
    pub const MAX_LEN: usize = 24;

    /// The prefix of this text.
    ///
    /// # Panics
    ///
    /// If the text is no prefix. In a `const` that is a compile-time error; a prefix from a
    /// configuration goes through `TryFrom`.
    #[must_use]
    pub const fn new(text: &str) -> Self {
        match Self::from_bytes(text.as_bytes()) {
            Some(prefix) => prefix,
            None => panic!("not a token prefix: see the documentation of `Prefix`"),
        }
    }

    /// The prefix as text, without the `_` that follows it in a token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// How many bytes each token with this prefix has.
    #[must_use]
    pub const fn token_len(&self) -> usize {
        self.len as usize + 1 + BODY_LEN
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    #[expect(clippy::cast_possible_truncation, reason = "the length is at most 24")]
    const fn from_bytes(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return None;
        }
        if !text[0].is_ascii_lowercase() || text[text.len() - 1] == b'_' {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        let mut at = 0;
        while at < text.len() {
            if !matches!(text[at], b'a'..=b'z' | b'0'..=b'9' | b'_') {
                return None;
            }
            bytes[at] = text[at];
            at += 1;
        }
        Some(Self { bytes, len: text.len() as u8 })
    }
}

impl TryFrom<&str> for Prefix {
    type Error = InvalidPrefix;

    fn try_from(text: &str) -> Result<Self, InvalidPrefix> {
        Self::from_bytes(text.as_bytes()).ok_or(InvalidPrefix)
    }
}

impl core::str::FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        Self::try_from(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}
