//! Secrets cannot be printed, cloned, compared or serialized.

use core::fmt::{Debug, Display};

use dualkey_token::{Digester, Pepper, PepperId, PlainToken, Prefix, TokenDigest};
use static_assertions::assert_not_impl_any;

assert_not_impl_any!(PlainToken: Display, Clone, PartialEq, core::hash::Hash, AsRef<str>, AsRef<[u8]>);
assert_not_impl_any!(TokenDigest: Display, PartialEq, core::hash::Hash);
assert_not_impl_any!(Pepper: Display, Clone, PartialEq);
#[cfg(feature = "serde")]
assert_not_impl_any!(PlainToken: serde::Serialize);
#[cfg(feature = "serde")]
assert_not_impl_any!(TokenDigest: serde::Serialize);

const TEXT: &str = "gw_GepTZmvCSS0MzOxIhyf027ZWYRGo0Zoh3Dq6NcmweFc0pBuA";

fn debug_formats(value: &impl Debug) -> [String; 2] {
    [format!("{value:?}"), format!("{value:#?}")]
}

#[test]
fn debug_of_a_token_shows_prefix_and_hint() {
    let token = PlainToken::parse(&Prefix::new("gw"), TEXT).unwrap();
    assert_eq!(debug_formats(&token), ["PlainToken(gw_*********BuA)"; 2]);
}

#[test]
fn debug_of_a_hint_shows_its_mask() {
    let token = PlainToken::parse(&Prefix::new("gw"), TEXT).unwrap();
    assert_eq!(debug_formats(&token.hint()), ["TokenHint(*********BuA)"; 2]);
}

#[test]
fn debug_of_a_digest_shows_no_bytes() {
    assert_eq!(debug_formats(&TokenDigest::of(TEXT.as_bytes())), ["TokenDigest(..)"; 2]);
}

#[test]
fn debug_of_a_pepper_shows_no_key() {
    let pepper = Pepper::new([7; 32]).unwrap();
    assert_eq!(debug_formats(&pepper), ["Pepper(..)"; 2]);
    let digester = Digester::peppered(pepper).accept_unpeppered();
    assert_eq!(debug_formats(&digester)[0], "Digester { peppers: 1, plain: true }");
    let digester = Digester::peppered(Pepper::new([7; 32]).unwrap());
    assert_eq!(debug_formats(&digester)[0], "Digester { peppers: 1, plain: false }");
}

#[test]
fn debug_of_a_prefix_shows_the_prefix() {
    assert_eq!(debug_formats(&Prefix::new("gw")), ["Prefix(gw)"; 2]);
}

#[test]
fn debug_of_a_pepper_id_shows_the_id() {
    let id: PepperId = "00000000000000ff".parse().unwrap();
    assert_eq!(debug_formats(&id), ["PepperId(00000000000000ff)"; 2]);
}

#[test]
fn an_error_does_not_quote_the_text() {
    let error = PlainToken::parse(&Prefix::new("gw"), &TEXT[..50]).unwrap_err();
    assert_eq!(debug_formats(&error)[0], "ParseTokenError { kind: Length }");
    assert_eq!(error.to_string(), "not an access token of this service");
}
