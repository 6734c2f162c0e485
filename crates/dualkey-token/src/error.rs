/// The text is not a token of this prefix.
///
/// Its message is one sentence for every kind, and safe to show to the caller: whoever presents a
/// guess learns nothing about how close it was. An operator reads the [kind](Self::kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an access token of this service")]
pub struct ParseTokenError {
    kind: ParseTokenErrorKind,
}

/// Why a text is not a token, for operators; the first of these that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTokenErrorKind {
    /// The text does not begin with the prefix and `_`.
    #[error("another prefix")]
    Prefix,
    /// What follows the prefix does not have 48 bytes.
    #[error("wrong length")]
    Length,
    /// What follows the prefix holds something else than ASCII letters and digits.
    #[error("a character that no token holds")]
    Character,
    /// The checksum does not match: a typing error, or another service's token.
    #[error("wrong checksum")]
    Checksum,
}

impl ParseTokenError {
    pub(crate) const fn new(kind: ParseTokenErrorKind) -> Self {
        Self { kind }
    }

    /// Why the text is not a token, for a log and never for the caller.
    #[must_use]
    pub const fn kind(&self) -> ParseTokenErrorKind {
        self.kind
    }
}
