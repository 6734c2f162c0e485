use core::fmt;

/// The last 3 characters of a token, which identify it to its owner in a list: `*********xyz`.
///
/// ```
/// use dualkey_token::TokenHint;
///
/// assert_eq!(TokenHint::try_from("xyz")?.to_string(), "*********xyz");
/// assert!(TokenHint::try_from("x-z").is_err());
/// # Ok::<(), dualkey_token::InvalidHint>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHint([u8; 3]);

/// The text is not 3 ASCII letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token hint must have 3 letters or digits")]
pub struct InvalidHint;

impl TokenHint {
    pub(crate) const fn new(last: [u8; 3]) -> Self {
        Self(last)
    }

    /// The 3 characters without the mask, to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TryFrom<&str> for TokenHint {
    type Error = InvalidHint;

    fn try_from(text: &str) -> Result<Self, InvalidHint> {
        let last: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidHint)?;
        if last.iter().all(u8::is_ascii_alphanumeric) { Ok(Self(last)) } else { Err(InvalidHint) }
    }
}

/// Writes nine asterisks, then the 3 characters.
impl fmt::Display for TokenHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*********{}", self.as_str())
    }
}

impl fmt::Debug for TokenHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHint({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TokenHint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for TokenHint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}
