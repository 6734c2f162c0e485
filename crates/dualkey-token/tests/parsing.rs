//! Properties of minting and parsing that hold for every text.
#![allow(clippy::unwrap_used, reason = "test code may panic")]

use dualkey_token::{InvalidPrefix, ParseTokenErrorKind as Kind, PlainToken, Prefix};
use proptest::prelude::*;

const GW: Prefix = Prefix::new("gw");

fn prefixes() -> impl Strategy<Value = Prefix> {
    "[a-z][a-z0-9_]{0,22}[a-z0-9]|[a-z]".prop_map(|text| Prefix::try_from(text.as_str()).unwrap())
}

proptest! {
    #[test]
    fn a_minted_token_parses_and_is_alphanumeric(prefix in prefixes()) {
        let token = PlainToken::mint(&prefix);
        let body = token.expose_secret().strip_prefix(&format!("{prefix}_")).unwrap();
        prop_assert_eq!(body.len(), 48);
        prop_assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let parsed = PlainToken::parse(&prefix, token.expose_secret()).unwrap();
        prop_assert_eq!(parsed.expose_secret(), token.expose_secret());
    }

    /// The texts fill one block of SHA-256 or several.
    #[test]
    fn a_digest_is_the_sha_256_of_the_text(text in proptest::collection::vec(any::<u8>(), 0..130)) {
        use sha2::Digest as _;

        let expected: [u8; 32] = sha2::Sha256::digest(&text).into();
        let digest = dualkey_token::TokenDigest::of(&text);
        prop_assert_eq!(digest.as_bytes(), &expected);
    }

    #[test]
    fn a_changed_byte_is_refused(at in 0..51_usize, byte: u8) {
        let token = PlainToken::mint(&GW);
        let mut text = token.expose_secret().as_bytes().to_vec();
        prop_assume!(text[at] != byte);
        text[at] = byte;
        prop_assert!(PlainToken::parse(&GW, text).is_err());
    }

    #[test]
    fn swapped_neighbours_have_a_wrong_checksum(at in 3..50_usize) {
        let token = PlainToken::mint(&GW);
        let mut text = token.expose_secret().as_bytes().to_vec();
        prop_assume!(text[at] != text[at + 1]);
        text.swap(at, at + 1);
        let error = PlainToken::parse(&GW, text).unwrap_err();
        prop_assert_eq!(error.kind(), Kind::Checksum);
    }

    #[test]
    fn a_token_of_another_prefix_is_refused(mine in prefixes(), theirs in prefixes()) {
        prop_assume!(mine != theirs);
        prop_assert!(PlainToken::parse(&mine, PlainToken::mint(&theirs).expose_secret()).is_err());
    }

    #[test]
    fn parsed_bytes_are_exposed_unchanged(
        text in prop_oneof![any::<Vec<u8>>(), "gw_[A-Za-z0-9]{48}".prop_map(String::into_bytes)],
    ) {
        if let Ok(token) = PlainToken::parse(&GW, &text) {
            prop_assert_eq!(token.expose_secret().as_bytes(), &text[..]);
        }
    }

    #[test]
    fn a_prefix_is_valid_exactly_when_its_rule_holds(text in "[a-z0-9_A-Z-]{0,26}") {
        let rule = !text.is_empty()
            && text.len() <= 24
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('_');
        match Prefix::try_from(text.as_str()) {
            Ok(prefix) => {
                prop_assert!(rule);
                prop_assert_eq!(prefix.as_str(), text);
            }
            Err(InvalidPrefix) => prop_assert!(!rule),
        }
    }
}

#[test]
fn a_prefix_may_have_24_bytes() {
    let prefix = Prefix::new("a23456789_123456789_1234");
    let token = PlainToken::mint(&prefix);
    assert_eq!(token.expose_secret().len(), 24 + 1 + 48);
    assert!(PlainToken::parse(&prefix, token.expose_secret()).is_ok());
}

#[test]
fn a_token_is_not_split_on_underscores() {
    let (short, long) = (Prefix::new("gw"), Prefix::new("gw_test"));
    let token = PlainToken::mint(&long);
    assert!(PlainToken::parse(&long, token.expose_secret()).is_ok());
    assert_eq!(PlainToken::parse(&short, token.expose_secret()).unwrap_err().kind(), Kind::Length);
}

#[test]
fn parsing_and_refusing_allocate_nothing() {
    let good = PlainToken::mint(&GW);
    let mut typo = good.expose_secret().as_bytes().to_vec();
    typo.swap(10, 11);
    let texts = [good.expose_secret().as_bytes(), &typo, b"gw_short", b"", &[0xff; 600]];
    let allocated = allocation_counter::measure(|| {
        for text in texts {
            let _ = PlainToken::parse(&GW, text).map(|token| token.digest());
        }
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
#[should_panic(expected = "not a token prefix")]
fn an_invalid_prefix_literal_panics() {
    let _ = Prefix::new("Gw");
}
