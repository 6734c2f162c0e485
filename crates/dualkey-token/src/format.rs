//! The lengths of a token's parts, in bytes.

pub(crate) const SECRET_LEN: usize = 32;
/// The length of secret and checksum, a multiple of 3, which base64 encodes without padding.
pub(crate) const PAYLOAD_LEN: usize = SECRET_LEN + 4;
/// The length of the encoded secret and checksum.
pub(crate) const BODY_LEN: usize = PAYLOAD_LEN / 3 * 4;
