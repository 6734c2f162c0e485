use core::fmt;
use core::num::NonZeroU8;

use crate::body::BODY_LEN;

/// What a token begins with: `gw` in `gw_…`.
///
/// 1 to 24 bytes of `[a-z0-9_]` that begin with a letter and end with a letter or digit. It tells a
/// reader, and a scanner of leaked secrets, whose token this is. It may contain `_`, so a text is
/// never split to find it.
///
/// ```
/// use dualkey_token::Prefix;
///
/// const LIVE: Prefix = Prefix::new("acme_live"); // checked when this line is compiled
/// assert_eq!(LIVE.as_str(), "acme_live");
/// assert!(Prefix::try_from("Acme").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// Zeros, the text and `_`: however long it is, a token's body follows at the same place.
    head: [u8; HEAD_LEN],
    /// CRC-32 of the text and `_`, from which the checksum of a token goes on.
    checksum: u32,
    /// Of the text. Since it is never 0, a result of parsing needs no tag beside its token.
    len: NonZeroU8,
}

/// The longest prefix and `_`, in whole words.
pub(crate) const HEAD_LEN: usize = 32;

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
        core::str::from_utf8(&self.head[self.head_start()..HEAD_LEN - 1]).unwrap_or_default()
    }

    /// How many bytes each token with this prefix has.
    #[must_use]
    pub const fn token_len(&self) -> usize {
        self.len.get() as usize + 1 + BODY_LEN
    }

    /// The prefix and `_`.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[self.head_start()..]
    }

    pub(crate) fn head_start(&self) -> usize {
        HEAD_LEN - 1 - usize::from(self.len.get())
    }

    pub(crate) fn padded_head(&self) -> [u64; HEAD_LEN / 8] {
        bytemuck::must_cast(self.head)
    }

    pub(crate) const fn checksum(&self) -> u32 {
        self.checksum
    }

    #[expect(clippy::cast_possible_truncation, reason = "the length is at most 24")]
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
        let (mut crc, mut at) = (!0, 0);
        while at < text.len() {
            if !matches!(text[at], b'a'..=b'z' | b'0'..=b'9' | b'_') {
                return None;
            }
            head[HEAD_LEN - 1 - text.len() + at] = text[at];
            crc = crc32_step(crc, text[at]);
            at += 1;
        }
        let checksum = !crc32_step(crc, b'_');
        Some(Self { head, checksum, len })
    }
}

/// Bit by bit, since a prefix is made when a program is compiled.
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
