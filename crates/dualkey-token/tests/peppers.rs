//! Peppered digests against the published test vectors of HMAC-SHA-256, and pepper rotation.

use dualkey_token::{Digester, InvalidPepper, Pepper, TokenDigest};

fn hex(digest: &TokenDigest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(a: &TokenDigest, b: &TokenDigest) -> bool {
    a.ct_eq(b).into()
}

/// RFC 4231 §4.7 and §4.8: keys of 131 bytes.
#[test]
fn a_peppered_digest_is_hmac_sha_256() {
    let digester = Digester::peppered(Pepper::new([0xaa; 131]).unwrap());
    let first = digester.digest(b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(hex(&first), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    let longer: &[u8] = b"This is a test using a larger than block-size key and a larger than \
        block-size data. The key needs to be hashed before being used by the HMAC algorithm.";
    assert_eq!(
        hex(&digester.digest(longer)),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    );
}

#[test]
fn a_pepper_needs_32_bytes() {
    assert_eq!(Pepper::new([1; 31]).unwrap_err(), InvalidPepper);
    assert!(Pepper::new([1; 32]).is_ok());
}

#[test]
fn candidates_start_with_the_digest_of_new_tokens() {
    let text = b"gw_text";
    let pepper = |byte| Pepper::new([byte; 32]).unwrap();
    let digester = Digester::peppered(pepper(3)).accept_previous(pepper(2)).accept_unpeppered();
    let candidates: Vec<_> = digester.candidates(text).collect();
    assert_eq!(candidates.len(), 3);
    assert!(same(&candidates[0], &digester.digest(text)));
    assert!(same(&candidates[0], &Digester::peppered(pepper(3)).digest(text)));
    assert!(same(&candidates[1], &Digester::peppered(pepper(2)).digest(text)));
    assert!(same(&candidates[2], &TokenDigest::of(text)));
}

#[test]
fn digests_that_differ_in_one_bit_differ() {
    let digest = TokenDigest::of(b"text");
    for bit in 0..256 {
        let mut bytes = *digest.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!same(&digest, &TokenDigest::from_bytes(bytes)));
    }
    assert!(same(&digest, &TokenDigest::from_bytes(*digest.as_bytes())));
}
