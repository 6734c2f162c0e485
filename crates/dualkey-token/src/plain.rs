use core::fmt;

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::body::{self, Body, Secret};
use crate::format::BODY_LEN;
use crate::prefix::HEAD_LEN;
use crate::wipe::WipeStack;
use crate::{ParseTokenError, Prefix, TokenDigest, TokenHint};

/// The length of the padded text, in bytes.
const TEXT_LEN: usize = HEAD_LEN + BODY_LEN;

/// A complete token in plain text, which is a secret.
///
/// A program holds one while it shows a new token, and while it verifies a request that presents the
/// token. [`expose_secret`](Self::expose_secret) is the only way to read the text: there is no
/// `Display`, `Clone`, `PartialEq` or `Serialize`. `Debug` shows prefix and hint. The memory is wiped on
/// drop; the [crate's documentation](crate#what-is-wiped-from-memory) lists what else is, and what is not.
///
/// The text is the prefix, `_`, and 48 letters and digits: base64url without padding (RFC 4648 §5) of
/// 32 random bytes and the CRC-32 of prefix, `_` and those bytes, big endian.
///
/// ```
/// use dualkey_token::{PlainToken, Prefix};
///
/// let token = PlainToken::mint(&Prefix::new("gw"));
/// assert_eq!(format!("{token:?}"), format!("PlainToken(gw_{})", token.hint()));
/// ```
pub struct PlainToken {
    /// Leading zeros, prefix, `_` and body.
    text: Zeroizing<[u64; TEXT_LEN / 8]>,
    prefix: Prefix,
}

impl PlainToken {
    /// Mints a token from the random bytes of the operating system.
    ///
    /// # Panics
    ///
    /// If the operating system fails to provide random bytes: no token is better than a guessable
    /// one.
    ///
    /// ```
    /// use dualkey_token::{PlainToken, Prefix};
    ///
    /// let token = PlainToken::mint(&Prefix::new("gw"));
    /// assert!(token.expose_secret().starts_with("gw_"));
    /// assert_eq!(token.expose_secret().len(), 51);
    /// ```
    #[must_use]
    pub fn mint(prefix: &Prefix) -> Self {
        // A system call costs more than the bytes that it returns, so each call fills five secrets. In
        // seven of ten calls, at least one of the five encodes to letters and digits only. Minting takes
        // a third of the time that one secret per call would take.
        Self::mint_in_batches::<5>(prefix, &mut UnwrapErr(SysRng))
    }

    /// Mints a token from the given generator.
    ///
    /// Draws 32 bytes, 4.6 times on average, until the body holds letters and digits only. A double click
    /// then selects the whole token.
    #[must_use]
    pub fn mint_from(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        Self::mint_in_batches::<1>(prefix, rng)
    }

    fn mint_in_batches<const BATCH: usize>(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        let _wipe = WipeStack::<1024>;
        Self::draw::<BATCH>(prefix, rng)
    }

    /// Not inlined, see `WipeStack`.
    #[inline(never)]
    fn draw<const BATCH: usize>(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        let mut secrets = Zeroizing::new([Secret::default(); BATCH]);
        let mut body = Zeroizing::new(Body::default());
        loop {
            rng.fill_bytes(bytemuck::must_cast_slice_mut(&mut *secrets));
            if secrets.iter().any(|secret| body::encode(prefix, secret, &mut body)) {
                return Self::from_body(prefix, &body);
            }
        }
    }

    /// Parses a text, which may be any bytes, without allocating.
    ///
    /// Success means that the checksum matches. Only a store can tell whether the token was minted.
    ///
    /// # Errors
    ///
    /// The text is not a token of this prefix. The [kind](crate::ParseTokenErrorKind) is the first one
    /// that applies.
    ///
    /// ```
    /// use dualkey_token::{ParseTokenErrorKind, PlainToken, Prefix};
    ///
    /// let prefix = Prefix::new("gw");
    /// let text = "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD";
    /// assert!(PlainToken::parse(&prefix, text).is_ok());
    ///
    /// let error = PlainToken::parse(&prefix, text.replace("AAE", "AEA")).unwrap_err();
    /// assert_eq!(error.kind(), ParseTokenErrorKind::Checksum);
    /// ```
    pub fn parse(prefix: &Prefix, text: impl AsRef<[u8]>) -> Result<Self, ParseTokenError> {
        Self::parse_bytes(prefix, text.as_ref())
    }

    /// Not generic, so that it is compiled once for all types that `parse` accepts.
    fn parse_bytes(prefix: &Prefix, text: &[u8]) -> Result<Self, ParseTokenError> {
        let body = body::parse(prefix, text).map_err(ParseTokenError::new)?;
        Ok(Self::from_body(prefix, &bytemuck::must_cast(*body)))
    }

    /// The complete text, to show to the token's owner once or to send in a request.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The digest without a pepper. A [`Digester`](crate::Digester) applies peppers.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.as_bytes())
    }

    /// The last 3 characters, to store beside the digest.
    ///
    /// ```
    /// use dualkey_token::{PlainToken, Prefix};
    ///
    /// let text = "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD";
    /// let token = PlainToken::parse(&Prefix::new("gw"), text)?;
    /// assert_eq!(token.hint().to_string(), "*********QdD");
    /// # Ok::<(), dualkey_token::ParseTokenError>(())
    /// ```
    #[must_use]
    pub fn hint(&self) -> TokenHint {
        let [.., a, b, c] = self.padded();
        TokenHint::new([*a, *b, *c])
    }

    /// The prefix that the token was minted or parsed with.
    #[must_use]
    pub const fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// Builds the text word by word, so that the compiler writes it to its destination. A buffer that is
    /// filled and then moved would leave a copy on the stack that is not wiped.
    fn from_body(prefix: &Prefix, &[e, f, g, h, i, j]: &Body) -> Self {
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
