use core::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// What is stored of a token: the SHA-256 digest of its text, or its HMAC under a [`Pepper`].
///
/// A store finds the token's row by these 32 bytes; `printf %s "$TOKEN" | sha256sum` finds it by
/// hand. A row that comes back is compared again with [`ct_eq`](Self::ct_eq), which is the only way
/// to compare two digests: a store may match loosely, through a case-insensitive collation or a
/// truncated index.
///
/// [`Pepper`]: crate::Pepper
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The unpeppered digest of a token's text as presented, well-formed or not.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The digest that a store holds as raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether two digests are equal, in a time that does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> Choice {
        let (mine, theirs) = (self.words(), other.words());
        mine[0].ct_eq(&theirs[0])
            & mine[1].ct_eq(&theirs[1])
            & mine[2].ct_eq(&theirs[2])
            & mine[3].ct_eq(&theirs[3])
    }

    /// Four words instead of 32 bytes: `subtle` puts a barrier behind each element it compares.
    fn words(&self) -> [u64; 4] {
        core::array::from_fn(|word| {
            u64::from_ne_bytes(core::array::from_fn(|byte| self.0[word * 8 + byte]))
        })
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
