//! Parsing agrees with a model of token format 1 that checks the rules one by one, in the result and
//! in the kind of the error. The error's message is constant, so it never quotes the text. A parsed
//! token exposes the text unchanged, and its digest and hint are those of the text.
//!
//! The input serves as a text, and as a recipe for a token with a valid checksum and small changes.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use dualkey_token::{ParseTokenErrorKind as Kind, PlainToken, Prefix};
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha256};

const PREFIXES: [Prefix; 6] = [
    Prefix::new("g"),
    Prefix::new("gw"),
    Prefix::new("gw_test"),
    Prefix::new("gw_test_2"),
    Prefix::new("acme_live"),
    Prefix::new("a23456789_123456789_1234"),
];
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[derive(Arbitrary)]
struct Recipe {
    prefix: u8,
    minted: bool,
    secret: [u8; 32],
    changes: Vec<Change>,
}

#[derive(Arbitrary)]
enum Change {
    Replace(u8, u8),
    Insert(u8, u8),
    Remove(u8),
    Swap(u8, u8),
}

fuzz_target!(|data: &[u8]| {
    check_against_model(data);
    if let Ok(recipe) = Recipe::arbitrary_take_rest(Unstructured::new(data)) {
        let mut text = recipe.token();
        check_against_model(&text);
        for change in recipe.changes {
            change.apply(&mut text);
        }
        check_against_model(&text);
    }
});

fn check_against_model(text: &[u8]) {
    for prefix in &PREFIXES {
        let expected = parse_model(prefix.as_str(), text);
        match PlainToken::parse(prefix, text) {
            Ok(token) => {
                assert_eq!(expected, Ok(()));
                assert_eq!(token.expose_secret().as_bytes(), text);
                assert_eq!(token.prefix(), *prefix);
                assert_eq!(token.digest().as_bytes()[..], Sha256::digest(text)[..]);
                assert_eq!(token.hint().as_str().as_bytes(), &text[text.len() - 3..]);
                assert_eq!(format!("{token:?}"), format!("PlainToken({prefix}_{})", token.hint()));
            }
            Err(error) => {
                assert_eq!(expected, Err(error.kind()));
                assert_eq!(error.to_string(), "not an access token of this service");
            }
        }
    }
}

fn parse_model(prefix: &str, text: &[u8]) -> Result<(), Kind> {
    let head = format!("{prefix}_").into_bytes();
    if !text.starts_with(&head) {
        return Err(Kind::Prefix);
    }
    let body = &text[head.len()..];
    if body.len() != 48 {
        return Err(Kind::Length);
    }
    if body.iter().any(|byte| !byte.is_ascii_alphanumeric()) {
        return Err(Kind::Character);
    }
    let raw = from_base64url(body);
    let (secret, checksum) = raw.split_at(32);
    if crc32(&[&head, secret].concat()).to_be_bytes() == checksum {
        Ok(())
    } else {
        Err(Kind::Checksum)
    }
}

fn from_base64url(text: &[u8]) -> Vec<u8> {
    let value = |byte| (0_u32..).zip(ALPHABET).find(|(_, other)| **other == byte).unwrap().0;
    let number = |four: &[u8]| four.iter().fold(0, |number, byte| number * 64 + value(*byte));
    text.chunks(4).flat_map(|four| number(four).to_be_bytes().into_iter().skip(1)).collect()
}

fn to_base64url(bytes: &[u8]) -> Vec<u8> {
    let number =
        |three: &[u8]| three.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let character = |three: &[u8], at: usize| ALPHABET[number(three) >> (6 * at) & 63];
    bytes.chunks(3).flat_map(|three| [3, 2, 1, 0].map(|at| character(three, at))).collect()
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}

impl Recipe {
    /// A minted token, which must parse, or one encoded by the model, which may hold `-` or `_`.
    fn token(&self) -> Vec<u8> {
        let prefix = &PREFIXES[usize::from(self.prefix) % PREFIXES.len()];
        if self.minted {
            let token = PlainToken::mint_from(prefix, &mut StdRng::from_seed(self.secret));
            assert!(PlainToken::parse(prefix, token.expose_secret()).is_ok());
            return token.expose_secret().into();
        }
        let head = format!("{prefix}_").into_bytes();
        let checksum = crc32(&[&head[..], &self.secret].concat()).to_be_bytes();
        [head, to_base64url(&[&self.secret[..], &checksum].concat())].concat()
    }
}

impl Change {
    fn apply(self, text: &mut Vec<u8>) {
        let len = text.len();
        if len == 0 {
            return;
        }
        match self {
            Self::Replace(at, byte) => text[usize::from(at) % len] = byte,
            Self::Insert(at, byte) => text.insert(usize::from(at) % (len + 1), byte),
            Self::Remove(at) => drop(text.remove(usize::from(at) % len)),
            Self::Swap(one, other) => text.swap(usize::from(one) % len, usize::from(other) % len),
        }
    }
}
