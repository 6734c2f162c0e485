//! A prefix and a hint are serialized as text and validated when they are deserialized.
#![cfg(feature = "serde")]

use dualkey_token::{Prefix, TokenHint};

#[test]
fn a_prefix_is_serialized_as_its_text() {
    let prefix: Prefix = serde_json::from_str(r#""acme_live""#).unwrap();
    assert_eq!(prefix.as_str(), "acme_live");
    assert_eq!(serde_json::to_string(&prefix).unwrap(), r#""acme_live""#);
    assert!(serde_json::from_str::<Prefix>(r#""Acme""#).is_err());
}

#[test]
fn a_hint_is_serialized_without_its_mask() {
    let hint: TokenHint = serde_json::from_str(r#""xyz""#).unwrap();
    assert_eq!(hint.to_string(), "*********xyz");
    assert_eq!(serde_json::to_string(&hint).unwrap(), r#""xyz""#);
    for bad in [r#""xy""#, r#""xyzz""#, r#""é1""#, r#""x-z""#] {
        assert!(serde_json::from_str::<TokenHint>(bad).is_err());
    }
}
