use std::ffi::OsString;

use guestway::PREFIX;

use crate::failure::Failure;

/// Refuses a command line that contains an access token, before an error message could repeat the
/// token.
pub(crate) fn refuse_tokens(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    if arguments.into_iter().any(|argument| holds_token(&argument.to_string_lossy())) {
        return Err(Failure::usage(
            "the command line contains an access token, which other users can see: revoke it; \
             `guestway token revoke` and `guestway inspect` read it from standard input",
        ));
    }
    Ok(())
}

/// Whether the text contains a token or most of one.
fn holds_token(text: &str) -> bool {
    const MOST_OF_ONE: usize = 32;

    let beginning = format!("{}_", PREFIX.as_str());
    text.match_indices(&beginning).any(|(at, _)| {
        let rest = text[at + beginning.len()..].chars();
        rest.take_while(char::is_ascii_alphanumeric).count() >= MOST_OF_ONE
    })
}

#[cfg(test)]
mod tests {
    use dualkey::PlainToken;
    use guestway::PREFIX;

    use super::holds_token;

    #[test]
    fn only_a_token_or_most_of_one_is_found_in_a_text() {
        let token = PlainToken::mint(&PREFIX);
        let token = token.expose_secret();
        for text in [token, &token[..40], &format!("--key={token}"), &format!("Bearer {token}.")] {
            assert!(holds_token(text), "{}", text.len());
        }
        for text in ["", "gw_", "gw_demo", "0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b", "gw_ünïcode"] {
            assert!(!holds_token(text), "{text}");
        }
    }
}
