//! The body of a token, which follows the prefix and `_`: base64url (RFC 4648 §5) of a secret and its
//! checksum, restricted to letters and digits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ParseTokenErrorKind as Kind;
use crate::format::{BODY_LEN, PAYLOAD_LEN, SECRET_LEN};
use crate::prefix::Prefix;
use crate::wipe::WipeStack;

/// The random bytes of a token, as words. `Zeroizing` wipes an array element by element, and an array of
/// words has an eighth of the elements.
pub(crate) type Secret = [u64; SECRET_LEN / 8];
/// The encoded secret and checksum, as words for the same reason.
pub(crate) type Body = [u64; BODY_LEN / 8];

/// Encodes the secret and its checksum into `body`. Returns whether the result is a valid body, which
/// holds letters and digits only. The caller wipes the stack.
#[must_use]
pub(crate) fn encode(prefix: &Prefix, secret: &Secret, body: &mut Body) -> bool {
    let secret = bytemuck::must_cast_slice(secret);
    let mut payload = [0; PAYLOAD_LEN];
    payload[..SECRET_LEN].copy_from_slice(secret);
    payload[SECRET_LEN..].copy_from_slice(&checksum(prefix, secret).to_be_bytes());

    let body: &mut [u8; BODY_LEN] = bytemuck::must_cast_mut(body);
    let encoded = URL_SAFE_NO_PAD.encode_slice(&payload[..], body);
    encoded == Ok(BODY_LEN) && is_alphanumeric(body)
}

/// Returns the body of `text` if `text` is a token of this prefix.
pub(crate) fn parse<'a>(prefix: &Prefix, text: &'a [u8]) -> Result<&'a [u8; BODY_LEN], Kind> {
    let body = text.strip_prefix(prefix.head()).ok_or(Kind::Prefix)?;
    let body = body.try_into().map_err(|_| Kind::Length)?;
    check(prefix, body)?;
    Ok(body)
}

/// Checks the alphabet and the checksum.
fn check(prefix: &Prefix, body: &[u8; BODY_LEN]) -> Result<(), Kind> {
    if !is_alphanumeric(body) {
        return Err(Kind::Character);
    }
    let _wipe = WipeStack::<256>;
    check_payload(prefix, body)
}

/// Decodes the body and checks the checksum. Not inlined, see `WipeStack`.
#[inline(never)]
fn check_payload(prefix: &Prefix, body: &[u8; BODY_LEN]) -> Result<(), Kind> {
    let mut payload = [0; PAYLOAD_LEN];
    URL_SAFE_NO_PAD.decode_slice(body, &mut payload).map_err(|_| Kind::Character)?;
    let (secret, expected) = payload.split_at(SECRET_LEN);
    if checksum(prefix, secret).to_be_bytes() == *expected { Ok(()) } else { Err(Kind::Checksum) }
}

/// Checks every byte without a branch, which is faster than stopping at the first mismatch.
fn is_alphanumeric(body: &[u8]) -> bool {
    body.iter().fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

/// CRC-32 as in zlib, of the prefix, `_` and the secret. It covers the prefix so that a token does not
/// parse under another one.
fn checksum(prefix: &Prefix, secret: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new_with_initial(prefix.checksum());
    checksum.update(secret);
    checksum.finalize()
}
