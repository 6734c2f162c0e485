use http::{HeaderMap, HeaderName, HeaderValue};

use super::Server;

/// Lines of the two fields, and the outcome of a request with them. The outcome is a code or `hello`.
pub(crate) struct Spelling {
    pub(crate) api_keys: Vec<Vec<u8>>,
    pub(crate) authorizations: Vec<Vec<u8>>,
    pub(crate) outcome: &'static str,
}

type Row = (&'static [&'static [u8]], &'static str);

/// Lines of `Authorization` beside a good partner key. `{token}` is a good token, `{TOKEN}` is the same
/// in upper case, and `{toke}` is the same without its last character.
const AUTHORIZATIONS: &[Row] = &[
    // The scheme in any case, one or more spaces, and white space around the value.
    (&[b"Bearer {token}"], "hello"),
    (&[b"bearer {token}"], "hello"),
    (&[b"BEARER {token}"], "hello"),
    (&[b"bEaReR {token}"], "hello"),
    (&[b"Bearer    {token}"], "hello"),
    (&[b" \tBearer {token}\t "], "hello"),
    // No value, or no token after the scheme.
    (&[], "token_missing"),
    (&[b""], "token_missing"),
    (&[b" \t "], "token_missing"),
    (&[b"Bearer"], "token_missing"),
    (&[b"bearer   "], "token_missing"),
    (&[b"Bearer\t"], "token_missing"),
    // No scheme, or another one, however similar.
    (&[b"{token}"], "token_missing"),
    (&[b"Basic {token}"], "token_missing"),
    (&[b"Basic YWxhZGRpbjpvcGVuc2VzYW1l"], "token_missing"),
    (&[b"Basic a, Bearer {token}"], "token_missing"),
    (&[b"Digest username=\"{token}\""], "token_missing"),
    (&[b"DPoP {token}"], "token_missing"),
    (&[b"Token {token}"], "token_missing"),
    (&[b"Token\ttoken=\"{token}\""], "token_missing"),
    (&[b"Bearer{token}"], "token_missing"),
    (&[b"BEARER_{token}"], "token_missing"),
    (&[b"Bearerx {token}"], "token_missing"),
    (&[b"Bearer2 {token}"], "token_missing"),
    (&[b"XBearer {token}"], "token_missing"),
    (&[b"x-bearer {token}"], "token_missing"),
    (&[b"Beare {token}"], "token_missing"),
    (&[b"reraeB {token}"], "token_missing"),
    (&[b"\"Bearer\" {token}"], "token_missing"),
    (&[b"\xffBearer {token}"], "token_missing"),
    // Other separators than spaces.
    (&[b"Bearer\t{token}"], "token_invalid"),
    (&[b"Bearer \t{token}"], "token_invalid"),
    (&[b"Bearer\t {token}"], "token_invalid"),
    (&[b"Bearer: {token}"], "token_invalid"),
    (&[b"Bearer:{token}"], "token_invalid"),
    (&[b"Bearer, {token}"], "token_invalid"),
    (&[b"Bearer,{token}"], "token_invalid"),
    (&[b"Bearer={token}"], "token_invalid"),
    (&[b"Bearer\xa0{token}"], "token_invalid"),
    (&[b"Bearer \xc2\xa0{token}"], "token_invalid"),
    // More than one token, in one value.
    (&[b"Bearer {token} a"], "token_invalid"),
    (&[b"Bearer {token} {token}"], "token_invalid"),
    (&[b"Bearer {token}\t{token}"], "token_invalid"),
    (&[b"Bearer {token},"], "token_invalid"),
    (&[b"Bearer a,{token}"], "token_invalid"),
    (&[b"Bearer {token}, Bearer {token}"], "token_invalid"),
    (&[b"Bearer Bearer {token}"], "token_invalid"),
    // Characters around the token or in it.
    (&[b"Bearer \"{token}\""], "token_invalid"),
    (&[b"Bearer <{token}>"], "token_invalid"),
    (&[b"Bearer token=\"{token}\""], "token_invalid"),
    (&[b"Bearer {token};"], "token_invalid"),
    (&[b"Bearer {token}="], "token_invalid"),
    (&[b"Bearer {token}=="], "token_invalid"),
    (&[b"Bearer =={token}"], "token_invalid"),
    (&[b"Bearer {token}a"], "token_invalid"),
    (&[b"Bearer a{token}"], "token_invalid"),
    (&[b"Bearer {token}{token}"], "token_invalid"),
    (&[b"Bearer {toke}"], "token_invalid"),
    (&[b"Bearer {TOKEN}"], "token_invalid"),
    (&[b"Bearer %67w_{toke}"], "token_invalid"),
    (&[b"Bearer {token}\xc2\xb8"], "token_invalid"),
    (&[b"Bearer {token}?access_token={token}"], "token_invalid"),
    // Tokens of another format, in the alphabet of token68 or not.
    (&[b"Bearer a"], "token_invalid"),
    (&[b"Bearer gw_"], "token_invalid"),
    (&[b"Bearer ="], "token_invalid"),
    (&[b"Bearer a===b"], "token_invalid"),
    (&[b"Bearer Aa09-._~+/=="], "token_invalid"),
    (&[b"Bearer hello!"], "token_invalid"),
    (&[b"Bearer me@example.com"], "token_invalid"),
    (&[b"Bearer {key}"], "token_invalid"),
    // More than one line, even if only one has a value.
    (&[b"Bearer {token}", b"Bearer {token}"], "header_repeated"),
    (&[b"Bearer {token}", b"Bearer a"], "header_repeated"),
    (&[b"Bearer a", b"Bearer {token}"], "header_repeated"),
    (&[b"Bearer {token}", b"Basic YTpi"], "header_repeated"),
    (&[b"Basic YTpi", b"Bearer {token}"], "header_repeated"),
    (&[b"", b"Bearer {token}"], "header_repeated"),
    (&[b"Bearer {token}", b""], "header_repeated"),
];

/// Lines of `X-Api-Key` beside a good token. `{KEY}` is a good key in upper case.
const API_KEYS: &[Row] = &[
    (&[b"{key}"], "hello"),
    (&[b" \t{key}\t "], "hello"),
    (&[], "api_key_missing"),
    (&[b""], "api_key_missing"),
    (&[b" \t "], "api_key_missing"),
    (&[b"{KEY}"], "api_key_invalid"),
    (&[b"{key}{key}"], "api_key_invalid"),
    (&[b"{key},{key}"], "api_key_invalid"),
    (&[b"{key}, {key}"], "api_key_invalid"),
    (&[b"{key} {key}"], "api_key_invalid"),
    (&[b"{key}\t{key}"], "api_key_invalid"),
    (&[b"\"{key}\""], "api_key_invalid"),
    (&[b"{key};"], "api_key_invalid"),
    (&[b"Bearer {key}"], "api_key_invalid"),
    (&[b"{key}\xe9"], "api_key_invalid"),
    (&[b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"], "api_key_invalid"),
    (&[b"a"], "api_key_invalid"),
    (&[b"{token}"], "api_key_invalid"),
    (&[b"Bearer {token}"], "api_key_invalid"),
    (&[b"{key}", b"{key}"], "header_repeated"),
    (&[b"{key}", b"another-partner"], "header_repeated"),
    (&[b"", b"{key}"], "header_repeated"),
    (&[b"{key}", b""], "header_repeated"),
];

/// Values at the maximum length, and beyond it.
fn long(server: &Server) -> Vec<(Vec<u8>, &'static str)> {
    let token = server.fixture.secret();
    let spaces = |length: usize| format!("Bearer{}{token}", " ".repeat(length - 6 - token.len()));
    let rows = [
        (spaces(512), "hello"),
        (spaces(513), "token_invalid"),
        (spaces(8_192), "token_invalid"),
        (format!("Bearer {}", "a".repeat(8_192)), "token_invalid"),
        (format!("Bearer {token}{}", "=".repeat(8_192)), "token_invalid"),
        (format!("Basic {}", "a".repeat(8_192)), "token_missing"),
        ("a".repeat(8_192), "token_missing"),
    ];
    rows.into_iter().map(|(value, outcome)| (value.into_bytes(), outcome)).collect()
}

/// All rows, with the credentials of this server.
pub(crate) fn spellings(server: &Server) -> Vec<Spelling> {
    let fill = |lines: &[&[u8]]| lines.iter().map(|line| filled(server, line)).collect();
    let (key, token) = (fill(&[b"{key}"]), fill(&[b"Bearer {token}"]));
    let tokens = AUTHORIZATIONS.iter().map(|(lines, outcome)| (fill(lines), *outcome));
    let long_tokens = long(server).into_iter().map(|(line, outcome)| (vec![line], outcome));
    let with_key = tokens.chain(long_tokens).map(|(authorizations, outcome)| Spelling {
        api_keys: Vec::clone(&key),
        authorizations,
        outcome,
    });
    let long_keys = [129, 8_192].map(|length| (vec![vec![b'k'; length]], "api_key_invalid"));
    let keys = API_KEYS.iter().map(|(lines, outcome)| (fill(lines), *outcome)).chain(long_keys);
    let with_token = keys.map(|(api_keys, outcome)| Spelling {
        api_keys,
        authorizations: Vec::clone(&token),
        outcome,
    });
    with_key.chain(with_token).collect()
}

fn filled(server: &Server, line: &[u8]) -> Vec<u8> {
    let (key, token) = (server.fixture.partner.api_key.as_str(), server.fixture.secret());
    let (upper_key, upper_token) = (key.to_uppercase(), token.to_uppercase());
    // Each byte becomes the character with the same number, as in Latin-1, so that no byte is lost.
    let mut text: String = line.iter().copied().map(char::from).collect();
    let values = [
        ("{key}", key),
        ("{KEY}", &upper_key),
        ("{token}", token),
        ("{TOKEN}", &upper_token),
        ("{toke}", &token[..token.len() - 1]),
    ];
    for (name, value) in values {
        text = text.replace(name, value);
    }
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

impl Spelling {
    /// The head of a request of HTTP/1.1.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = b"GET /reservations HTTP/1.1\r\nHost: here\r\n".to_vec();
        let fields = [("X-Api-Key", &self.api_keys), ("Authorization", &self.authorizations)];
        for (name, lines) in fields {
            for line in lines {
                head.extend_from_slice(name.as_bytes());
                head.extend_from_slice(b":");
                head.extend_from_slice(line);
                head.extend_from_slice(b"\r\n");
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let fields = [("x-api-key", &self.api_keys), ("authorization", &self.authorizations)];
        for (name, lines) in fields {
            for line in lines {
                let value = HeaderValue::from_bytes(line).unwrap();
                headers.append(HeaderName::from_static(name), value);
            }
        }
        headers
    }

    /// The start of the head, for the text of a failed assertion.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.head()).chars().take(300).collect()
    }
}
