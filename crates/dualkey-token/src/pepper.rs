use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::wipe::WipeStack;
use crate::{PepperId, TokenDigest};

/// A secret key of the application that the database does not hold.
///
/// With a pepper, a token is stored as its HMAC-SHA-256 (RFC 2104) under this key. Write access to
/// the database is then not enough to add a valid token. The key is wiped from memory when the last
/// [`Digester`] that uses it is dropped.
///
/// ```
/// use dualkey_token::{InvalidPepper, Pepper};
///
/// assert!(Pepper::new([7; 32]).is_ok());
/// assert_eq!(Pepper::new("too short").unwrap_err(), InvalidPepper);
/// ```
pub struct Pepper(
    /// Behind a pointer, so that a move copies no key.
    Arc<Hmac<Sha256>>,
);

/// The key of a [`Pepper`] is shorter than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pepper must have at least 32 random bytes")]
pub struct InvalidPepper;

impl Pepper {
    /// A pepper with this key of at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// The key is shorter than 32 bytes, the output length of SHA-256 (RFC 2104 §3).
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, InvalidPepper> {
        let _wipe = WipeStack::<1536>;
        Self::from_key(key.as_ref())
    }

    /// Not inlined, see `WipeStack`.
    #[inline(never)]
    fn from_key(key: &[u8]) -> Result<Self, InvalidPepper> {
        if key.len() < 32 {
            return Err(InvalidPepper);
        }
        let hmac = Hmac::new_from_slice(key).map_err(|_| InvalidPepper)?;
        Ok(Self(Arc::new(hmac)))
    }

    /// The first 8 bytes of the HMAC of a text that is no token. The key cannot be derived from them.
    fn id(&self) -> PepperId {
        let digest = self.digest(b"the id of a pepper of dualkey");
        let first = digest.as_bytes().first_chunk().copied().unwrap_or_default();
        PepperId::new(u64::from_be_bytes(first))
    }

    fn digest(&self, text: &[u8]) -> TokenDigest {
        let _wipe = WipeStack::<1536>;
        self.hmac(text)
    }

    /// `hmac` copies the text to a buffer, which it moves. Not inlined, see `WipeStack`.
    #[inline(never)]
    fn hmac(&self, text: &[u8]) -> TokenDigest {
        let mut hmac = Hmac::clone(&self.0);
        hmac.update(text);
        TokenDigest::from_bytes(hmac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// The digest algorithms of an application: one for new tokens, and older ones that are still
/// accepted.
///
/// To rotate a pepper, construct the digester with the new one and accept the previous one until each
/// token stored under it is revoked or has expired:
///
/// ```
/// use dualkey_token::{Digester, Pepper};
///
/// # let (newest, previous) = ([1; 32], [2; 32]);
/// let digester = Digester::peppered(Pepper::new(newest)?) // for new tokens
///     .accept_previous(Pepper::new(previous)?)
///     .accept_unpeppered(); // tokens from before the first pepper
/// assert_eq!(digester.candidates(b"gw_abc").count(), 3);
/// # Ok::<(), dualkey_token::InvalidPepper>(())
/// ```
#[derive(Clone)]
pub struct Digester {
    /// The algorithm for new tokens first. Never empty.
    algorithms: Arc<[Algorithm]>,
}

enum Algorithm {
    Unpeppered,
    Peppered(Pepper),
}

impl Digester {
    /// SHA-256 without a pepper, the default.
    ///
    /// ```
    /// use dualkey_token::{Digester, TokenDigest};
    ///
    /// let digest = Digester::unpeppered().digest(b"gw_abc");
    /// assert!(bool::from(digest.ct_eq(&TokenDigest::of(b"gw_abc"))));
    /// ```
    #[must_use]
    pub fn unpeppered() -> Self {
        Self { algorithms: [Algorithm::Unpeppered].into() }
    }

    /// HMAC-SHA-256 under this pepper, for new tokens.
    #[must_use]
    pub fn peppered(newest: Pepper) -> Self {
        Self { algorithms: [Algorithm::Peppered(newest)].into() }
    }

    /// Also accepts tokens stored under a previous pepper.
    #[must_use]
    pub fn accept_previous(self, pepper: Pepper) -> Self {
        self.accept(Algorithm::Peppered(pepper))
    }

    /// Also accepts tokens stored without a pepper. **This undoes what a pepper protects against:** an
    /// attacker who can write to the database can add a row with the SHA-256 of a token of their own, and that
    /// token is accepted. Use it only while tokens from before the first pepper are replaced.
    /// `Registry::unpeppered_tokens` of `dualkey-store` lists those that are left.
    ///
    /// ```
    /// use dualkey_token::{Digester, Pepper, TokenDigest};
    ///
    /// let planted = TokenDigest::of(b"gw_abc"); // needs no key
    /// let accepts = |digester: &Digester| {
    ///     digester.candidates(b"gw_abc").any(|digest| digest.ct_eq(&planted).into())
    /// };
    /// let peppered = Digester::peppered(Pepper::new([7; 32])?);
    /// assert!(!accepts(&peppered));
    /// assert!(accepts(&peppered.accept_unpeppered()));
    /// # Ok::<(), dualkey_token::InvalidPepper>(())
    /// ```
    #[must_use]
    pub fn accept_unpeppered(self) -> Self {
        self.accept(Algorithm::Unpeppered)
    }

    /// The id of the pepper for new tokens, or `None` if they have none.
    #[must_use]
    pub fn pepper_id(&self) -> Option<PepperId> {
        match &self.algorithms[0] {
            Algorithm::Unpeppered => None,
            Algorithm::Peppered(pepper) => Some(pepper.id()),
        }
    }

    /// The digest to store for a new token with this text.
    #[must_use]
    pub fn digest(&self, text: &[u8]) -> TokenDigest {
        self.algorithms[0].digest(text)
    }

    /// Each digest under which a token with this text may be stored, that of new tokens first. The
    /// iterator is lazy: it computes one digest per step.
    ///
    /// ```
    /// use dualkey_token::{Digester, Pepper, TokenDigest};
    ///
    /// let digester = Digester::peppered(Pepper::new([7; 32])?).accept_unpeppered();
    /// let stored = TokenDigest::of(b"gw_abc"); // from before the pepper
    /// assert!(digester.candidates(b"gw_abc").any(|digest| digest.ct_eq(&stored).into()));
    /// # Ok::<(), dualkey_token::InvalidPepper>(())
    /// ```
    #[inline]
    pub fn candidates(&self, text: &[u8]) -> impl Iterator<Item = TokenDigest> {
        self.algorithms.iter().map(move |algorithm| algorithm.digest(text))
    }

    fn accept(self, algorithm: Algorithm) -> Self {
        let mut algorithms = Vec::from(&*self.algorithms);
        algorithms.push(algorithm);
        Self { algorithms: algorithms.into() }
    }
}

/// The clone of a pepper shares its key.
impl Clone for Algorithm {
    fn clone(&self) -> Self {
        match self {
            Self::Unpeppered => Self::Unpeppered,
            Self::Peppered(pepper) => Self::Peppered(Pepper(Arc::clone(&pepper.0))),
        }
    }
}

impl Algorithm {
    #[inline]
    fn digest(&self, text: &[u8]) -> TokenDigest {
        match self {
            Self::Unpeppered => TokenDigest::of(text),
            Self::Peppered(pepper) => pepper.digest(text),
        }
    }
}

impl Default for Digester {
    fn default() -> Self {
        Self::unpeppered()
    }
}

/// Shows the number of peppers, and no key.
impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peppers = self
            .algorithms
            .iter()
            .filter(|algorithm| matches!(algorithm, Algorithm::Peppered(_)))
            .count();
        f.debug_struct("Digester")
            .field("peppers", &peppers)
            .field("plain", &(peppers < self.algorithms.len()))
            .finish()
    }
}
