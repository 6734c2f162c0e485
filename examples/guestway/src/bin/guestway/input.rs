//! What a user enters on standard input.

use std::io::{BufRead as _, IsTerminal as _, Read as _, stderr, stdin};

use crate::failure::Failure;

/// The maximum length of a line in bytes; longer than any token.
const MAX_LINE: u64 = 4_096;

/// Reads the line with a token; `command` reads it in the error's example.
pub(crate) fn token_line(command: &str) -> Result<Vec<u8>, Failure> {
    if stdin().is_terminal() {
        eprintln!("Paste the token, and press Enter:");
    }
    let line = read_line()?;
    if line.trim_ascii().is_empty() {
        let message = format!("standard input has no token: try `{command} < token.txt`");
        return Err(Failure::usage(message));
    }
    Ok(line)
}

/// Asks whether to do this. Without a terminal to ask on, the answer is yes.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(());
    }
    eprint!("{question} [y/N] ");
    match read_line()?.trim_ascii().to_ascii_lowercase().as_slice() {
        b"y" | b"yes" => Ok(()),
        _ => Err(Failure::new("nothing was changed")),
    }
}

fn read_line() -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    let read = stdin().lock().take(MAX_LINE).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    Ok(line)
}
