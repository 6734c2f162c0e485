use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::TokenDigest;

/// A key that the application holds and the database does not.
///
/// With a pepper, what is stored of a token is its HMAC-SHA-256 (RFC 2104) under this key, so that
/// whoever can write to the database still cannot plant a token. The key is wiped from memory when
/// the last [`Digester`] that uses it is dropped.
pub struct Pepper(Hmac<Sha256>);

/// The key is shorter than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pepper has at least 32 bytes, from a generator of random bytes")]
pub struct InvalidPepper;

impl Pepper {
    /// The pepper with this key, of at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// The key is shorter than that (RFC 2104 §3).
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, InvalidPepper> {
        let key = key.as_ref();
        if key.len() < 32 {
            return Err(InvalidPepper);
        }
        Hmac::new_from_slice(key).map(Self).map_err(|_| InvalidPepper)
    }

    fn digest(&self, text: &[u8]) -> TokenDigest {
        let mut hmac = self.0.clone();
        hmac.update(text);
        TokenDigest::from_bytes(hmac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// How an application turns a token's text into what is stored: plainly, or under its newest pepper,
/// with older ways still accepted.
///
/// To rotate a pepper, put the new one in front and keep the old one until every token under it is
/// revoked or has expired:
///
/// ```
/// use dualkey_token::{Digester, Pepper};
///
/// # let (newest, previous) = ([1; 32], [2; 32]);
/// let digester = Digester::peppered(Pepper::new(newest)?) // new tokens are stored under this one
///     .accept_previous(Pepper::new(previous)?)
///     .accept_unpeppered(); // tokens from before there was a pepper
/// assert_eq!(digester.candidates(b"gw_abc").count(), 3);
/// # Ok::<(), dualkey_token::InvalidPepper>(())
/// ```
#[derive(Clone)]
pub struct Digester {
    ways: Arc<[Way]>,
}

#[derive(Clone)]
enum Way {
    Plain,
    Peppered(Arc<Pepper>),
}

impl Digester {
    /// Plain SHA-256, the default.
    #[must_use]
    pub fn unpeppered() -> Self {
        Self { ways: [Way::Plain].into() }
    }

    /// HMAC-SHA-256 under this pepper.
    #[must_use]
    pub fn peppered(newest: Pepper) -> Self {
        Self { ways: [Way::Peppered(Arc::new(newest))].into() }
    }

    /// Accepts digests under an older pepper too.
    #[must_use]
    pub fn accept_previous(self, pepper: Pepper) -> Self {
        self.or(Way::Peppered(Arc::new(pepper)))
    }

    /// Accepts digests without a pepper too.
    #[must_use]
    pub fn accept_unpeppered(self) -> Self {
        self.or(Way::Plain)
    }

    /// The digest under which a new token is stored.
    #[must_use]
    pub fn digest(&self, text: &[u8]) -> TokenDigest {
        self.ways[0].digest(text)
    }

    /// Every digest under which a token with this text may be stored, newest first, computed one by
    /// one as they are asked for.
    #[inline]
    pub fn candidates(&self, text: &[u8]) -> impl Iterator<Item = TokenDigest> {
        self.ways.iter().map(move |way| way.digest(text))
    }

    fn or(self, way: Way) -> Self {
        let mut ways = Vec::from(&*self.ways);
        ways.push(way);
        Self { ways: ways.into() }
    }
}

impl Way {
    #[inline]
    fn digest(&self, text: &[u8]) -> TokenDigest {
        match self {
            Self::Plain => TokenDigest::of(text),
            Self::Peppered(pepper) => pepper.digest(text),
        }
    }
}

impl Default for Digester {
    fn default() -> Self {
        Self::unpeppered()
    }
}

/// Shows how many ways are accepted, and no key.
impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peppers = self.ways.iter().filter(|way| matches!(way, Way::Peppered(_))).count();
        f.debug_struct("Digester")
            .field("peppers", &peppers)
            .field("plain", &(peppers < self.ways.len()))
            .finish()
    }
}
