//! How the two header fields are parsed, field by field and byte by byte.
use dualkey_verify::{CredentialError, Credentials, HeaderNames};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

const TOKEN: &str = "gw_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8aQQdD";

fn read(
    name: &'static str,
    values: &[&[u8]],
) -> (Result<String, CredentialError>, Result<Vec<u8>, CredentialError>) {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    let names = HeaderNames::default();
    let credentials = Credentials::new(&headers, &names);
    (credentials.api_key().map(|key| key.to_string()), credentials.token().map(<[u8]>::to_vec))
}

fn api_key(value: &[u8]) -> Result<String, CredentialError> {
    read("x-api-key", &[value]).0
}

fn token(value: &[u8]) -> Result<Vec<u8>, CredentialError> {
    read("authorization", &[value]).1
}

#[test]
fn an_absent_or_empty_field_is_missing() {
    assert_eq!(
        read("x-other", &[]),
        (Err(CredentialError::Missing), Err(CredentialError::Missing))
    );
    for empty in [&b""[..], b" ", b"\t \t"] {
        assert_eq!(api_key(empty), Err(CredentialError::Missing));
        assert_eq!(token(empty), Err(CredentialError::Missing));
    }
}

#[test]
fn a_field_that_occurs_twice_is_repeated_equal_or_not() {
    let bearer = format!("Bearer {TOKEN}");
    for second in [&b"abcd1234efgh5678"[..], b"", b"other-key"] {
        let (key, _) = read("x-api-key", &[b"abcd1234efgh5678", second]);
        assert_eq!(key, Err(CredentialError::Repeated));
    }
    for second in [bearer.as_bytes(), b"", b"Basic dXNlcjpwYXNz"] {
        let (_, token) = read("authorization", &[bearer.as_bytes(), second]);
        assert_eq!(token, Err(CredentialError::Repeated));
        let (_, token) = read("authorization", &[second, bearer.as_bytes()]);
        assert_eq!(token, Err(CredentialError::Repeated));
    }
}

#[test]
fn the_scheme_is_case_insensitive_and_followed_by_spaces() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        for spaces in [" ", "  ", "          "] {
            for (before, after) in [("", ""), (" ", "\t"), ("\t", "  ")] {
                let value = format!("{before}{scheme}{spaces}{TOKEN}{after}");
                assert_eq!(token(value.as_bytes()).unwrap(), TOKEN.as_bytes(), "{value:?}");
            }
        }
    }
}

#[test]
fn credentials_of_another_scheme_are_missing() {
    for value in [
        "Basic dXNlcjpwYXNz",
        "Digest username=x",
        TOKEN,
        "Bearer",
        "bearer ",
        "Bearer \t ",
        "Token abc",
        "Bearerabc",
        "BearerX abc",
        "\"Bearer\" abc",
        "=",
    ] {
        assert_eq!(token(value.as_bytes()), Err(CredentialError::Missing), "{value:?}");
    }
}

#[test]
fn characters_outside_of_token68_are_malformed() {
    for rest in [
        "\tabc",
        " \tabc",
        "\t abc",
        " a b",
        " a,b",
        " a, b",
        " a;b",
        " =abc",
        " ab=c",
        " =",
        " ====",
        " a\"b",
        " \"ab\"",
        " a\tb",
        ",abc",
        "=abc",
        "/abc",
        "\"abc\"",
        ":abc",
        ", Bearer abc",
        " abc,",
    ] {
        let value = format!("Bearer{rest}");
        assert_eq!(token(value.as_bytes()), Err(CredentialError::Malformed), "{value:?}");
    }
    for rest in ["abc", "a==", "-._~+/", "A", "mF_9.B5f-4.1JqM"] {
        assert_eq!(token(format!("Bearer {rest}").as_bytes()).unwrap(), rest.as_bytes());
    }
}

#[test]
fn at_most_512_bytes_of_a_token_field_are_read() {
    let longest = format!("Bearer {}", "a".repeat(505));
    assert_eq!(longest.len(), 512);
    assert!(token(longest.as_bytes()).is_ok());
    assert_eq!(token(format!("{longest}a").as_bytes()), Err(CredentialError::Malformed));
    assert_eq!(token(&[b'a'; 8_192]), Err(CredentialError::Missing));
}

#[test]
fn a_partner_key_is_read_byte_for_byte() {
    for key in ["eight888", "!#$%&'()*+-./:<=>?@[]^_`{|}~", &"a".repeat(128), TOKEN] {
        assert_eq!(api_key(key.as_bytes()).unwrap(), key);
        assert_eq!(api_key(format!(" \t{key}\t ").as_bytes()).unwrap(), key);
    }
    for key in [
        "seven77",
        "two words",
        "one,two12",
        "semi;colon",
        "quo\"ted1",
        "back\\slash",
        "tab\tbed12",
    ] {
        assert_eq!(api_key(key.as_bytes()), Err(CredentialError::Malformed), "{key:?}");
    }
    assert_eq!(api_key(&[b'a'; 129]), Err(CredentialError::Malformed));
    assert_eq!(api_key("schlüssel".as_bytes()), Err(CredentialError::Malformed));
}

#[test]
fn bytes_beyond_ascii_are_malformed_in_any_position() {
    for byte in 0x80..=0xFF {
        for at in [0, 4, 11] {
            let mut key = *b"abcd1234efgh";
            key[at] = byte;
            assert_eq!(api_key(&key), Err(CredentialError::Malformed), "{byte:#x} at {at}");
            let mut value = b"Bearer ".to_vec();
            value.extend(key);
            assert_eq!(token(&value), Err(CredentialError::Malformed), "{byte:#x} at {at}");
        }
    }
}

#[test]
fn the_names_of_the_fields_are_configurable() {
    let names = HeaderNames::default()
        .with_api_key(HeaderName::from_static("x-partner"))
        .with_token(HeaderName::from_static("x-token"));
    let mut headers = HeaderMap::new();
    headers.insert("x-partner", HeaderValue::from_static("abcd1234"));
    headers.insert("x-token", HeaderValue::from_static("Bearer abc"));
    headers.insert("x-api-key", HeaderValue::from_static("ignored-key"));
    let credentials = Credentials::new(&headers, &names);
    assert_eq!(credentials.api_key().unwrap(), "abcd1234");
    assert_eq!(credentials.token(), Ok(&b"abc"[..]));
}

#[test]
fn each_error_of_a_field_has_a_text() {
    let text = |error: CredentialError| error.to_string();
    assert_eq!(text(CredentialError::Missing), "the header field is missing");
    assert_eq!(text(CredentialError::Repeated), "the header field occurs more than once");
    assert_eq!(text(CredentialError::Malformed), "the header field holds no credential");
}

/// The same rules as a pattern, byte by byte.
fn naive_token(value: &[u8]) -> Result<Vec<u8>, CredentialError> {
    let is_white = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value.iter().position(|byte| !is_white(byte)).ok_or(CredentialError::Missing)?;
    let end = value.iter().rposition(|byte| !is_white(byte)).unwrap() + 1;
    let value = &value[start..end];
    let scheme: Vec<u8> = value
        .iter()
        .copied()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
        .collect();
    if !scheme.eq_ignore_ascii_case(b"bearer") || value.len() == scheme.len() {
        return Err(CredentialError::Missing);
    }
    let rest = &value[scheme.len()..];
    let token: Vec<u8> = rest.iter().copied().skip_while(|byte| *byte == b' ').collect();
    let body: Vec<u8> = {
        let mut body = token.clone();
        while body.last() == Some(&b'=') {
            body.pop();
        }
        body
    };
    let spaced = rest[0] == b' ';
    let plain = body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte));
    if spaced && plain && !body.is_empty() && value.len() <= 512 {
        Ok(token)
    } else {
        Err(CredentialError::Malformed)
    }
}

proptest! {
    #[test]
    fn any_field_is_read_as_the_table_says(
        value in prop_oneof![
            proptest::collection::vec(prop_oneof![Just(b'\t'), 0x20..=0x7E_u8, 0x80..=0xFF_u8], 0..40),
            "[ \t]{0,2}[Bb][Ee]arer[ \t,=]{0,2}[a-z=,/ \t]{0,8}".prop_map(String::into_bytes),
        ],
    ) {
        prop_assert_eq!(token(&value), naive_token(&value));
    }

    #[test]
    fn a_key_is_readable_exactly_if_it_can_be_registered(
        key in proptest::collection::vec(0x21..=0x7E_u8, 0..140),
    ) {
        let expected = if key.is_empty() {
            Err(CredentialError::Missing)
        } else if dualkey_store::ApiKey::parse(&key).is_ok() {
            Ok(String::from_utf8(key.clone()).unwrap())
        } else {
            Err(CredentialError::Malformed)
        };
        prop_assert_eq!(api_key(&key), expected);
    }
}
