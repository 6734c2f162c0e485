//! The field of the partner key, in zero, one or several lines, is parsed as by a state machine that
//! reads each byte once. It is never mistaken for the field of the bearer token.
#![no_main]

use dualkey_fuzz::{field_lines, request};
use dualkey_verify::{CredentialError, Credentials, HeaderNames};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let (lines, names) = (field_lines(data), HeaderNames::default());
    let Some(headers) = request(&names.api_key, &lines) else { return Corpus::Reject };
    let credentials = Credentials::new(&headers, &names);
    let key = credentials.api_key().map(|key| key.as_str().as_bytes().to_vec());
    assert_eq!(key, read_byte_by_byte(&lines));
    assert_eq!(credentials.token(), Err(CredentialError::Missing));
    Corpus::Keep
});

#[derive(Clone, Copy)]
enum State {
    Start,
    Key,
    End,
    Invalid,
}

fn read_byte_by_byte(lines: &[&[u8]]) -> Result<Vec<u8>, CredentialError> {
    let line = match lines {
        [] => return Err(CredentialError::Missing),
        [line] => line,
        [_, _, ..] => return Err(CredentialError::Repeated),
    };
    let (mut state, mut key) = (State::Start, Vec::new());
    for byte in *line {
        state = match (state, byte) {
            (State::Start, b' ' | b'\t') => State::Start,
            (State::Key | State::End, b' ' | b'\t') => State::End,
            (State::Start | State::Key, b'"' | b',' | b';' | b'\\') => State::Invalid,
            (State::Start | State::Key, b'!'..=b'~') => {
                key.push(*byte);
                State::Key
            }
            _ => State::Invalid,
        };
    }
    match state {
        State::Start => Err(CredentialError::Missing),
        State::Key | State::End if matches!(key.len(), 8..=128) => Ok(key),
        State::Key | State::End | State::Invalid => Err(CredentialError::Malformed),
    }
}
