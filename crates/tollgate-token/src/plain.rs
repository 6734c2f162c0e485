use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::{ParseTokenError, ParseTokenErrorKind as Kind, Prefix, TokenDigest, TokenHint};

const SECRET_LEN: usize = 32;
const RAW_LEN: usize = SECRET_LEN + 4;
pub(crate) const BODY_LEN: usize = RAW_LEN / 3 * 4;
/// Wiping is a write per element that the compiler may not join: words are wiped eight times faster
/// than bytes.
type Words<const N: usize> = Zeroizing<[u64; N]>;

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
    /// Room for the longest prefix, `_` and the body.
    text: Words<10>,
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
        Self::mint_from(prefix, &mut UnwrapErr(SysRng))
    }

    /// A new token, from a generator of the caller's choice.
    ///
    /// Draws until the body holds letters and digits only, 4.6 times on average, so that a double
    /// click selects the whole token.
    #[must_use]
    pub fn mint_from(prefix: &Prefix, rng: &mut impl CryptoRng) -> Self {
        let mut raw = Raw::new(prefix);
        let mut token = Self::blank(prefix);
        loop {
            rng.fill_bytes(&mut raw.body_mut()[..SECRET_LEN]);
            let checksum = raw.checksum();
            raw.body_mut()[SECRET_LEN..].copy_from_slice(&checksum);
            let written = URL_SAFE_NO_PAD.encode_slice(raw.body(), token.body_mut());
            debug_assert_eq!(written, Ok(BODY_LEN));
            if is_alphanumeric(token.body()) {
                return token;
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
    /// The text is not a token of this prefix, for the first of the [kinds](Kind) that applies.
    pub fn parse(prefix: &Prefix, text: impl AsRef<[u8]>) -> Result<Self, ParseTokenError> {
        let body = text
            .as_ref()
            .strip_prefix(prefix.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"_"))
            .ok_or(ParseTokenError::new(Kind::Prefix))?;
        if body.len() != BODY_LEN {
            return Err(ParseTokenError::new(Kind::Length));
        }
        if !is_alphanumeric(body) {
            return Err(ParseTokenError::new(Kind::Character));
        }
        let mut raw = Raw::new(prefix);
        URL_SAFE_NO_PAD
            .decode_slice(body, raw.body_mut())
            .map_err(|_| ParseTokenError::new(Kind::Character))?;
        if raw.body()[SECRET_LEN..] != raw.checksum() {
            return Err(ParseTokenError::new(Kind::Checksum));
        }
        let mut token = Self::blank(prefix);
        token.body_mut().copy_from_slice(body);
        Ok(token)
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
        let body = self.body();
        TokenHint::new([body[BODY_LEN - 3], body[BODY_LEN - 2], body[BODY_LEN - 1]])
    }

    /// What the token begins with.
    #[must_use]
    pub const fn prefix(&self) -> Prefix {
        self.prefix
    }

    fn blank(prefix: &Prefix) -> Self {
        let mut text = Words::default();
        write_head(prefix, bytemuck::bytes_of_mut(&mut *text));
        Self { text, prefix: *prefix }
    }

    fn body_start(&self) -> usize {
        self.prefix.as_bytes().len() + 1
    }

    fn as_bytes(&self) -> &[u8] {
        &bytemuck::bytes_of(&*self.text)[..self.body_start() + BODY_LEN]
    }

    fn body(&self) -> &[u8] {
        &self.as_bytes()[self.body_start()..]
    }

    fn body_mut(&mut self) -> &mut [u8] {
        let start = self.body_start();
        &mut bytemuck::bytes_of_mut(&mut *self.text)[start..start + BODY_LEN]
    }
}

/// What a body encodes, behind the prefix and `_` that its checksum covers too.
struct Raw {
    bytes: Words<8>,
    start: usize,
}

impl Raw {
    fn new(prefix: &Prefix) -> Self {
        let mut bytes = Words::default();
        let start = write_head(prefix, bytemuck::bytes_of_mut(&mut *bytes));
        Self { bytes, start }
    }

    fn body(&self) -> &[u8] {
        &bytemuck::bytes_of(&*self.bytes)[self.start..self.start + RAW_LEN]
    }

    fn body_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::bytes_of_mut(&mut *self.bytes)[self.start..self.start + RAW_LEN]
    }

    /// CRC-32 as in zlib: a token under another prefix is no token.
    fn checksum(&self) -> [u8; 4] {
        let covered = &bytemuck::bytes_of(&*self.bytes)[..self.start + SECRET_LEN];
        crc32fast::hash(covered).to_be_bytes()
    }
}

/// Writes the prefix and `_`, and says how long that is.
fn write_head(prefix: &Prefix, text: &mut [u8]) -> usize {
    let head = prefix.as_bytes();
    text[..head.len()].copy_from_slice(head);
    text[head.len()] = b'_';
    head.len() + 1
}

/// Looks at every byte, which is faster than stopping at the first that is not.
fn is_alphanumeric(text: &[u8]) -> bool {
    text.iter().fold(true, |so_far, byte| so_far & byte.is_ascii_alphanumeric())
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainToken({}_{})", self.prefix, self.hint())
    }
}
