use core::fmt;

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::body::{self, BODY_LEN, Body, Secret};
use crate::prefix::HEAD_LEN;
use crate::{ParseTokenError, Prefix, TokenDigest, TokenHint};

const TEXT_LEN: usize = HEAD_LEN + BODY_LEN;

/// A whole token in plain text: a secret.
///
/// It exists twice in its life: when it is minted, to be shown once, and while a request that
/// presents it is verified. It leaves only by [`expose_secret`](Self::expose_secret): there is no
/// `Display`, `Clone`, `PartialEq` or `Serialize`, `Debug` shows prefix and hint, and its memory is
/// wiped when it is dropped.
///
/// The text is `prefix`, `_`, and 48 letters and digits: base64url without padding of 32 random bytes
/// and the CRC-32 of prefix, `_` and those bytes, big endian.
pub struct PlainToken {
    /// Zeros, prefix, `_` and body.
    text: Zeroizing<[u64; TEXT_LEN / 8]>,
    prefix: Prefix,
}

impl PlainToken {
    /// A new token, from the operating system's generator.
    ///
    /// # Panics
    ///
    /// If the operating system has no random bytes to give. No token is better than a guessable one.
    #[must_use]
    pub fn mint(prefix: &Prefix) -> Self {
        // A call of the system takes longer than the bytes do, and of five secrets one is good for a
        // token seven times in ten.
        Self::draw::<5>(prefix, &mut UnwrapErr(SysRng))
    }

    /// A new token, from a generator of the caller's choice.
    ///
    /// Draws until the body holds letters and digits only, 4.6 times on average, so that a double
    /// click selects the whole token.
    #[must_use]
    pub fn mint_from(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        Self::draw::<1>(prefix, rng)
    }

    fn draw<const AT_ONCE: usize>(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        let mut secrets = Zeroizing::new([Secret::default(); AT_ONCE]);
        let mut body = Zeroizing::new(Body::default());
        loop {
            rng.fill_bytes(bytemuck::must_cast_slice_mut(&mut *secrets));
            if secrets.iter().any(|secret| body::write(prefix, secret, &mut body)) {
                return Self::new(prefix, &body);
            }
        }
    }

    /// The token of this text, which may be any bytes.
    ///
    /// Allocates nothing and asks nobody: a token that was never minted parses too, if its checksum
    /// matches.
    ///
    /// # Errors
    ///
    /// The text is not a token of this prefix, for the first of the
    /// [kinds](crate::ParseTokenErrorKind) that applies.
    pub fn parse(prefix: &Prefix, text: impl AsRef<[u8]>) -> Result<Self, ParseTokenError> {
        Self::read(prefix, text.as_ref())
    }

    /// One of it for all types that `parse` takes.
    fn read(prefix: &Prefix, text: &[u8]) -> Result<Self, ParseTokenError> {
        let body = body::find(prefix, text).map_err(ParseTokenError::new)?;
        Ok(Self::new(prefix, &bytemuck::must_cast(*body)))
    }

    /// The whole text, to be shown to its owner once or sent in a request.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The unpeppered digest; a [`Digester`](crate::Digester) applies peppers.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.as_bytes())
    }

    /// The last 3 characters, to be stored beside the digest.
    #[must_use]
    pub fn hint(&self) -> TokenHint {
        let [.., a, b, c] = self.padded();
        TokenHint::new([*a, *b, *c])
    }

    /// What the token begins with.
    #[must_use]
    pub const fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// Word by word, so that it is written where it stays: a copy on the stack would not be wiped.
    fn new(prefix: &Prefix, &[e, f, g, h, i, j]: &Body) -> Self {
        let [a, b, c, d] = prefix.padded_head();
        Self { text: Zeroizing::new([a, b, c, d, e, f, g, h, i, j]), prefix: *prefix }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.padded()[self.prefix.head_start()..]
    }

    fn padded(&self) -> &[u8; TEXT_LEN] {
        bytemuck::must_cast_ref(&*self.text)
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainToken({}_{})", self.prefix, self.hint())
    }
}
