use core::fmt;

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

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
        if text.len() <= ONE_BLOCK {
            Self(digest_of_one_block(text))
        } else {
            Self(Sha256::digest(text).into())
        }
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
        let difference = mine.iter().zip(theirs).fold(0, |so_far, (one, two)| so_far | (one ^ two));
        difference.ct_eq(&0)
    }

    /// Four words instead of 32 bytes, and one comparison: `subtle` puts a barrier behind each.
    fn words(&self) -> [u64; 4] {
        core::array::from_fn(|word| {
            u64::from_ne_bytes(core::array::from_fn(|byte| self.0[word * 8 + byte]))
        })
    }
}

/// The longest text that fits one block with its padding.
const ONE_BLOCK: usize = 55;

/// A token with a prefix of up to 6 characters is one block: padding it here spares it the general
/// case's buffer, and the wiping of that (FIPS 180-4 §5.1.1, §5.3.3, §6.2.2).
fn digest_of_one_block(text: &[u8]) -> [u8; 32] {
    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    let mut words = Zeroizing::new([0_u64; 8]);
    let block: &mut [u8; 64] = bytemuck::must_cast_mut(&mut *words);
    block[..text.len()].copy_from_slice(text);
    block[text.len()] = 0x80;
    block[56..].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());

    let mut state = INITIAL;
    compress256(&mut state, core::slice::from_ref(block));
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
