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
        match text.split_first_chunk() {
            Some((head, tail)) if tail.len() < 8 => Self(digest_of_one_block(head, tail)),
            _ => Self(digest_of_any(text)),
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
        bytemuck::must_cast(self.0)
    }
}

/// A token with a prefix of up to 6 characters has 50 to 55, and is one block: padding it here spares
/// it the general case's buffer, and the wiping of that (FIPS 180-4 §5.1.1, §5.3.3, §6.2.2). Words in
/// their places are read at once by the instructions that compress them; after copies that overlap
/// they would wait.
fn digest_of_one_block(head: &[u8; 48], tail: &[u8]) -> [u8; 32] {
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

    let [a, b, c, d, e, f]: [u64; 6] = bytemuck::must_cast(*head);
    let g = tail.iter().rev().fold(0x80, |word, byte| word << 8 | u64::from(*byte));
    let bits = (head.len() + tail.len()) as u64 * 8;
    let block = Zeroizing::new([a, b, c, d, e, f, g.to_le(), bits.to_be()]);

    let mut state = INITIAL;
    compress256(&mut state, core::slice::from_ref(bytemuck::must_cast_ref(&*block)));
    bytemuck::must_cast(state.map(u32::to_be))
}

/// Not inlined, so that one block does not pay for the room that this needs.
#[inline(never)]
fn digest_of_any(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
