use core::fmt;
use core::num::NonZeroU8;

use crate::format::BODY_LEN;

/// The start of every token of one application: `gw` in `gw_…`.
///
/// It has 1 to 24 bytes of `[a-z0-9_]`, begins with a letter and ends with a letter or digit. It shows readers and secret scanners which application a token belongs to. It may contain `_`, so
/// parsing never splits a text on `_`.
///
/// ```
/// use dualkey_token::Prefix;
///
/// const LIVE: Prefix = Prefix::new("acme_live"); // checked at compile time
/// assert_eq!(LIVE.as_str(), "acme_live");
/// assert!(Prefix::try_from("Acme").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// Leading zeros, the text and `_`. The zeros put a token's body at the same offset for every prefix.
    head: [u8; HEAD_LEN],
    /// CRC-32 of the text and `_`, the initial value of a token's checksum.
    checksum: u32,
    /// Length of the text in bytes. `NonZero` gives `Result<PlainToken, _>` a niche for its tag.
    len: NonZeroU8,
}

/// The length of the longest prefix and `_`, rounded up to whole words.
pub(crate) const HEAD_LEN: usize = 32;

/// The text is not a valid [`Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token prefix must have 1 to 24 of a-z, 0-9 and _, begin with a letter, and end with a letter or digit"
)]
pub struct InvalidPrefix;

impl Prefix {
    /// The length of the longest prefix, in bytes.
    pub const MAX_LEN: usize = 24;

    /// The prefix with this text.
    ///
    /// # Panics
    ///
    /// If the text is not a valid prefix, which in a `const` is a compile-time error. For a prefix
    /// from configuration use `TryFrom`.
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
        core::str::from_utf8(&self.head[self.head_start()..HEAD_LEN - 1]).unwrap_or_default()
    }

    /// The length of a token with this prefix, in bytes.
    ///
    /// ```
    /// assert_eq!(dualkey_token::Prefix::new("gw").token_len(), 51);
    /// ```
    #[must_use]
    pub const fn token_len(&self) -> usize {
        self.len.get() as usize + 1 + BODY_LEN
    }

    /// The prefix and `_`.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[self.head_start()..]
    }

    /// The number of leading zeros.
    pub(crate) fn head_start(&self) -> usize {
        HEAD_LEN - 1 - usize::from(self.len.get())
    }

    /// Leading zeros, the prefix and `_`.
    pub(crate) fn padded_head(&self) -> [u64; HEAD_LEN / 8] {
        bytemuck::must_cast(self.head)
    }

    /// CRC-32 of the prefix and `_`.
    pub(crate) const fn checksum(&self) -> u32 {
        self.checksum
    }

    #[expect(clippy::cast_possible_truncation, reason = "the length is index most 24")]
    const fn from_bytes(text: &[u8]) -> Option<Self> {
        if text.len() > Self::MAX_LEN {
            return None;
        }
        let Some(len) = NonZeroU8::new(text.len() as u8) else { return None };
        if !text[0].is_ascii_lowercase() || text[text.len() - 1] == b'_' {
            return None;
        }
        let mut head = [0; HEAD_LEN];
        head[HEAD_LEN - 1] = b'_';
        let (mut crc, mut index) = (!0, 0);
        while index < text.len() {
            if !matches!(text[index], b'a'..=b'z' | b'0'..=b'9' | b'_') {
                return None;
            }
            head[HEAD_LEN - 1 - text.len() + index] = text[index];
            crc = crc32_step(crc, text[index]);
            index += 1;
        }
        let checksum = !crc32_step(crc, b'_');
        Some(Self { head, checksum, len })
    }
}

/// CRC-32 of one more byte, bit by bit: `crc32fast` is not `const`.
const fn crc32_step(mut crc: u32, byte: u8) -> u32 {
    crc ^= byte as u32;
    let mut bits = 8;
    while bits > 0 {
        crc = (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320);
        bits -= 1;
    }
    crc
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
