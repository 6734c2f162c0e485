//! The field of the partner key, in no, one or several lines, is read as an automaton reads it that
//! looks at each byte once; and it is never taken for the field of the bearer token.
#![no_main]

use dualkey_fuzz::{field_lines, request};
use dualkey_verify::{CredentialError, Credentials, HeaderNames};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let (lines, names) = (field_lines(data), HeaderNames::default());
    let Some(headers) = request(&names.api_key, &lines) else { return Corpus::Reject };
    let credentials = Credentials::new(&headers, &names);
    let key = credentials.api_key().map(|key| key.as_bytes().to_vec());
    assert_eq!(key, read_byte_by_byte(&lines));
    assert_eq!(credentials.token(), Err(CredentialError::Missing));
    Corpus::Keep
});

#[derive(Clone, Copy)]
enum At {
    Start,
    Key,
    End,
    Nowhere,
}

fn read_byte_by_byte(lines: &[&[u8]]) -> Result<Vec<u8>, CredentialError> {
    let line = match lines {
        [] => return Err(CredentialError::Missing),
        [line] => line,
        [_, _, ..] => return Err(CredentialError::Repeated),
    };
    let (mut at, mut key) = (At::Start, Vec::new());
    for byte in *line {
        at = match (at, byte) {
            (At::Start, b' ' | b'\t') => At::Start,
            (At::Key | At::End, b' ' | b'\t') => At::End,
            (At::Start | At::Key, b'"' | b',' | b';' | b'\\') => At::Nowhere,
            (At::Start | At::Key, b'!'..=b'~') => {
                key.push(*byte);
                At::Key
            }
            _ => At::Nowhere,
        };
    }
    match at {
        At::Start => Err(CredentialError::Missing),
        At::Key | At::End if matches!(key.len(), 8..=128) => Ok(key),
        At::Key | At::End | At::Nowhere => Err(CredentialError::Malformed),
    }
}
