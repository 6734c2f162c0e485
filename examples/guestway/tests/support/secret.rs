/// Asserts that no piece of a token stands in there, but for its beginning and its hint.
#[track_caller]
pub(crate) fn assert_absent(token: &str, bytes: &[u8], about: &str) {
    const PIECE: usize = 8;

    let body = &token.as_bytes()["gw_".len()..token.len() - 3];
    let pieces: std::collections::HashSet<_> = body.windows(PIECE).collect();
    let found = bytes.windows(PIECE).any(|window| pieces.contains(window));
    assert!(!found, "{about} holds a piece of a token");
}
