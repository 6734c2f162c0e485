//! The field of the bearer token, in zero, one or several lines, is parsed as by a state machine that
//! reads each byte once. It is never mistaken for the field of the partner key.
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
enum State {
    Start,
    Scheme,
    Spaces,
    /// White space with a tab: only white space may follow.
    Tabs,
    Token,
    Padding,
    End,
    Invalid,
}

fn read_byte_by_byte(lines: &[&[u8]]) -> Result<Vec<u8>, CredentialError> {
    let line = match lines {
        [] => return Err(CredentialError::Missing),
        [line] => line,
        [_, _, ..] => return Err(CredentialError::Repeated),
    };
    let (mut state, mut scheme, mut token) = (State::Start, Vec::new(), Vec::new());
    let (mut length, mut since_visible) = (0, 0);
    for byte in *line {
        state = match (state, byte) {
            (State::Start, b' ' | b'\t') => continue,
            (State::Start | State::Scheme, byte) if is_scheme(*byte) => State::Scheme,
            (State::Start, _) => return Err(CredentialError::Missing),
            (State::Scheme, _) if scheme != b"bearer" => return Err(CredentialError::Missing),
            (State::Scheme | State::Spaces, b' ') => State::Spaces,
            (State::Scheme | State::Spaces, b'\t') | (State::Tabs, b' ' | b'\t') => State::Tabs,
            (State::Spaces | State::Token, byte) if is_token(*byte) => State::Token,
            (State::Token | State::Padding, b'=') => State::Padding,
            (State::Token | State::Padding | State::End, b' ' | b'\t') => State::End,
            _ => State::Invalid,
        };
        match state {
            State::Scheme => scheme.push(byte.to_ascii_lowercase()),
            State::Token | State::Padding => token.push(*byte),
            _ => {}
        }
        since_visible += 1;
        if !matches!(byte, b' ' | b'\t') {
            (length, since_visible) = (length + since_visible, 0);
        }
    }
    match state {
        State::Start | State::Scheme | State::Spaces | State::Tabs => Err(CredentialError::Missing),
        State::Token | State::Padding | State::End if length <= 512 => Ok(token),
        State::Token | State::Padding | State::End | State::Invalid => {
            Err(CredentialError::Malformed)
        }
    }
}

/// A `tchar` (RFC 9110 §5.6.2).
fn is_scheme(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~' | b'!' | b'#'..=b'\''
        | b'*' | b'+' | b'-' | b'.')
}

/// A character of `token68` other than its padding (RFC 9110 §11.2).
fn is_token(byte: u8) -> bool {
    matches!(byte, b'+' | b'-'..=b'9' | b'A'..=b'Z' | b'_' | b'a'..=b'z' | b'~')
}
