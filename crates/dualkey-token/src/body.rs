//! What follows the prefix and `_`: base64url of a secret and its checksum, where those are letters
//! and digits only.
//!
//! It is computed in whole words, eight characters side by side, which the compiler has no need to put
//! on the stack: a copy there would not be wiped.

use zeroize::Zeroizing;

use crate::{ParseTokenErrorKind as Kind, Prefix};

/// Words are wiped eight times faster than bytes: wiping is a write per element that the compiler may
/// not join.
pub(crate) type Secret = [u64; SECRET_LEN / 8];
pub(crate) type Body = [u64; BODY_LEN / 8];

pub(crate) const BODY_LEN: usize = (SECRET_LEN + 4) / 3 * 4;
const SECRET_LEN: usize = 32;

/// Writes this secret and its checksum, and says whether letters and digits were enough.
#[must_use]
pub(crate) fn write(prefix: &Prefix, secret: &Secret, to: &mut Body) -> bool {
    let [a, b, c, d] = secret.map(u64::from_be);
    let e = u64::from(checksum(prefix, secret));
    *to = [a >> 16, a << 32 | b >> 32, b << 16 | c >> 48, c, d >> 16, d << 32 | e].map(split);
    let mut highest = 0;
    for sextet in bytemuck::must_cast_mut::<_, [u8; BODY_LEN]>(to) {
        highest = highest.max(*sextet);
        *sextet = letter_or_digit(*sextet);
    }
    highest < 62
}

/// The body of this text, if it is a token of this prefix.
pub(crate) fn find<'a>(prefix: &Prefix, text: &'a [u8]) -> Result<&'a [u8; BODY_LEN], Kind> {
    let head = prefix.head();
    let (start, body) = text.split_at_checked(head.len()).ok_or(Kind::Prefix)?;
    // A call that compares slices would take longer than these few bytes do.
    if !start.iter().eq(head) {
        return Err(Kind::Prefix);
    }
    let body = body.try_into().map_err(|_| Kind::Length)?;
    check(prefix, body)?;
    Ok(body)
}

/// Looks at every character, which is faster than stopping at the first that is wrong.
fn check(prefix: &Prefix, body: &[u8; BODY_LEN]) -> Result<(), Kind> {
    let (mut sextets, mut all) = ([0; BODY_LEN], 0);
    for (sextet, character) in sextets.iter_mut().zip(body) {
        *sextet = sextet_of(*character);
        all |= *sextet;
    }
    if all == NO_SEXTET {
        return Err(Kind::Character);
    }
    let [a, b, c, d, e, f] = bytemuck::must_cast::<_, Body>(sextets).map(join);
    let words = [a << 16 | b >> 32, b << 32 | c >> 16, c << 48 | d, e << 16 | f >> 32];
    let secret = Zeroizing::new(words.map(u64::to_be));
    let is_right = u64::from(checksum(prefix, &secret)) == f & u64::from(u32::MAX);
    if is_right { Ok(()) } else { Err(Kind::Checksum) }
}

/// CRC-32 as in zlib, over prefix and `_` too: a token under another prefix is no token.
fn checksum(prefix: &Prefix, secret: &Secret) -> u32 {
    let mut checksum = crc32fast::Hasher::new_with_initial(prefix.checksum());
    checksum.update(bytemuck::must_cast_ref::<_, [u8; SECRET_LEN]>(secret));
    checksum.finalize()
}

const NO_SEXTET: u8 = u8::MAX;

fn sextet_of(character: u8) -> u8 {
    match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        _ => NO_SEXTET,
    }
}

/// Of a sextet below 62.
fn letter_or_digit(sextet: u8) -> u8 {
    match sextet {
        ..26 => b'A' + sextet,
        26..52 => b'a' + (sextet - 26),
        _ => b'0' + (sextet - 52),
    }
}

/// Eight sextets in the order of memory to the 48 bits that they are, the first one highest.
fn join(sextets: u64) -> u64 {
    let eight = u64::from_le(sextets);
    let four = (eight & 0x003f_003f_003f_003f) << 6 | eight >> 8 & 0x003f_003f_003f_003f;
    let two = (four & 0x0000_0fff_0000_0fff) << 12 | four >> 16 & 0x0000_0fff_0000_0fff;
    (two & 0x00ff_ffff) << 24 | two >> 32
}

/// The other way round; what is above 48 bits is of no account.
fn split(bits: u64) -> u64 {
    let two = (bits & 0x00ff_ffff) << 32 | bits >> 24 & 0x00ff_ffff;
    let four = (two & 0x0000_0fff_0000_0fff) << 16 | two >> 12 & 0x0000_0fff_0000_0fff;
    let eight = (four & 0x003f_003f_003f_003f) << 8 | four >> 6 & 0x003f_003f_003f_003f;
    eight.to_le()
}
