/// Asserts that the bytes contain no part of a token, except for its prefix and its hint.
#[track_caller]
pub(crate) fn assert_absent(token: &str, bytes: &[u8], about: &str) {
    const PIECE: usize = 8;

    let body = &token.as_bytes()["gw_".len()..token.len() - 3];
    let pieces: std::collections::HashSet<_> = body.windows(PIECE).collect();
    let found = bytes.windows(PIECE).any(|window| pieces.contains(window));
    assert!(!found, "{about} contains a part of a token");
}
