/// The text is not a token of this prefix.
///
/// The message is the same for every kind, so that it is safe to show to the caller: it does not
/// reveal how close a guess was. Operators read the [kind](Self::kind).
///
/// ```
/// use dualkey_token::{ParseTokenErrorKind, PlainToken, Prefix};
///
/// let error = PlainToken::parse(&Prefix::new("gw"), "sk_abc").unwrap_err();
/// assert_eq!(error.to_string(), "not an access token of this service");
/// assert_eq!(error.kind(), ParseTokenErrorKind::Prefix);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token of this service")]
pub struct ParseTokenError {
    kind: ParseTokenErrorKind,
}

/// Why a text is not a token, for operators. Checks run in the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTokenErrorKind {
    /// The text does not begin with the prefix and `_`.
    #[error("another prefix")]
    Prefix,
    /// The body does not have 48 bytes.
    #[error("wrong length")]
    Length,
    /// The body holds a byte other than an ASCII letter or digit.
    #[error("a character that no token holds")]
    Character,
    /// The checksum does not match: a typing error, or a token of another service.
    #[error("wrong checksum")]
    Checksum,
}

impl ParseTokenError {
    pub(crate) const fn new(kind: ParseTokenErrorKind) -> Self {
        Self { kind }
    }

    /// Why the text is not a token: for logs, not for the caller.
    #[must_use]
    pub const fn kind(&self) -> ParseTokenErrorKind {
        self.kind
    }
}
