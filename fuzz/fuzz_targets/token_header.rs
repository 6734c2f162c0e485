//! The field of the bearer token, in no, one or several lines, is read as an automaton reads it that
//! looks at each byte once; and it is never taken for the field of the partner key.
#![no_main]

use dualkey_fuzz::{field_lines, request};
use dualkey_verify::{CredentialError, Credentials, HeaderNames};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let (lines, names) = (field_lines(data), HeaderNames::default());
    let Some(headers) = request(&names.token, &lines) else { return Corpus::Reject };
    let credentials = Credentials::new(&headers, &names);
    assert_eq!(credentials.token().map(<[u8]>::to_vec), read_byte_by_byte(&lines));
    assert_eq!(credentials.api_key(), Err(CredentialError::Missing));
    Corpus::Keep
});

#[derive(Clone, Copy)]
enum At {
    Start,
    Scheme,
    Spaces,
    /// White space that holds a tab: nothing may follow.
    Tabs,
    Token,
    Padding,
    End,
    Nowhere,
}

fn read_byte_by_byte(lines: &[&[u8]]) -> Result<Vec<u8>, CredentialError> {
    let line = match lines {
        [] => return Err(CredentialError::Missing),
        [line] => line,
        [_, _, ..] => return Err(CredentialError::Repeated),
    };
    let (mut at, mut scheme, mut token) = (At::Start, Vec::new(), Vec::new());
    let (mut length, mut since_visible) = (0, 0);
    for byte in *line {
        at = match (at, byte) {
            (At::Start, b' ' | b'\t') => continue,
            (At::Start | At::Scheme, byte) if is_scheme(*byte) => At::Scheme,
            (At::Start, _) => return Err(CredentialError::Missing),
            (At::Scheme, _) if scheme != b"bearer" => return Err(CredentialError::Missing),
            (At::Scheme | At::Spaces, b' ') => At::Spaces,
            (At::Scheme | At::Spaces, b'\t') | (At::Tabs, b' ' | b'\t') => At::Tabs,
            (At::Spaces | At::Token, byte) if is_token(*byte) => At::Token,
            (At::Token | At::Padding, b'=') => At::Padding,
            (At::Token | At::Padding | At::End, b' ' | b'\t') => At::End,
            _ => At::Nowhere,
        };
        match at {
            At::Scheme => scheme.push(byte.to_ascii_lowercase()),
            At::Token | At::Padding => token.push(*byte),
            _ => {}
        }
        since_visible += 1;
        if !matches!(byte, b' ' | b'\t') {
            (length, since_visible) = (length + since_visible, 0);
        }
    }
    match at {
        At::Start | At::Scheme | At::Spaces | At::Tabs => Err(CredentialError::Missing),
        At::Token | At::Padding | At::End if length <= 512 => Ok(token),
        At::Token | At::Padding | At::End | At::Nowhere => Err(CredentialError::Malformed),
    }
}

/// `tchar`, RFC 9110 §5.6.2.
fn is_scheme(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~' | b'!' | b'#'..=b'\''
        | b'*' | b'+' | b'-' | b'.')
}

/// `token68` without its padding, RFC 9110 §11.2.
fn is_token(byte: u8) -> bool {
    matches!(byte, b'+' | b'-'..=b'9' | b'A'..=b'Z' | b'_' | b'a'..=b'z' | b'~')
}
