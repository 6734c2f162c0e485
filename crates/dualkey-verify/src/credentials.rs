use dualkey_store::ApiKey;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

/// Where the two credentials stand: `X-Api-Key` and `Authorization`, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The field of the partner key.
    pub api_key: HeaderName,
    /// The field of the bearer token.
    pub token: HeaderName,
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self { api_key: HeaderName::from_static("x-api-key"), token: AUTHORIZATION }
    }
}

/// The two credentials of a request, read only when asked for. Nothing here looks anything up.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    headers: &'a HeaderMap,
    names: &'a HeaderNames,
}

/// Why a field gives no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// It is absent or empty, or presents credentials of another scheme.
    Missing,
    /// It is there more than once. Which one counts is not guessed, even if they are equal.
    Repeated,
    /// It holds what no credential holds.
    Malformed,
}

/// The longest value of the field of the token that is read, in bytes.
const MAX_TOKEN_FIELD: usize = 512;

impl<'a> Credentials<'a> {
    /// The credentials in these headers.
    #[must_use]
    pub const fn new(headers: &'a HeaderMap, names: &'a HeaderNames) -> Self {
        Self { headers, names }
    }

    /// The partner key: 8 to 128 visible ASCII characters, without the white space around them.
    ///
    /// # Errors
    ///
    /// The field gives no such key.
    pub fn api_key(&self) -> Result<&'a str, CredentialError> {
        let field = self.api_key_field()?;
        let _key = as_api_key(field)?;
        std::str::from_utf8(field).map_err(|_| CredentialError::Malformed)
    }

    /// The bearer token: a `token68` (RFC 9110 §11.2) behind the scheme, whose capitals do not matter
    /// (RFC 9110 §11.1), and one or more spaces.
    ///
    /// # Errors
    ///
    /// The field gives no bearer token.
    pub fn token(&self) -> Result<&'a [u8], CredentialError> {
        let token = self.token_field()?;
        if is_token68(token) { Ok(token) } else { Err(CredentialError::Malformed) }
    }

    /// What stands where the partner key does. A key that is known is well-formed, so it is looked up
    /// before anybody looks at its characters.
    #[inline]
    pub(crate) fn api_key_field(&self) -> Result<&'a [u8], CredentialError> {
        self.value(&self.names.api_key)
    }

    /// What stands where the token does; likewise.
    #[inline]
    pub(crate) fn token_field(&self) -> Result<&'a [u8], CredentialError> {
        let value = self.value(&self.names.token)?;
        if let Some(token) = value.strip_prefix(b"Bearer ")
            && !token[0].is_ascii_whitespace()
            && value.len() <= MAX_TOKEN_FIELD
        {
            return Ok(token);
        }
        let scheme_ends = value.iter().position(|byte| !is_tchar(*byte)).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(scheme_ends);
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Err(CredentialError::Missing);
        }
        let token = rest.trim_ascii_start();
        if token.is_empty() {
            return Err(CredentialError::Missing);
        }
        let spaces = &rest[..rest.len() - token.len()];
        let is_separated = !spaces.is_empty() && spaces.iter().all(|byte| *byte == b' ');
        let is_readable = is_separated && value.len() <= MAX_TOKEN_FIELD;
        if is_readable { Ok(token) } else { Err(CredentialError::Malformed) }
    }

    /// The field's value without the optional white space around it (RFC 9110 §5.5).
    #[inline]
    fn value(&self, name: &HeaderName) -> Result<&'a [u8], CredentialError> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().ok_or(CredentialError::Missing)?;
        if values.next().is_some() {
            return Err(CredentialError::Repeated);
        }
        let value = value.as_bytes().trim_ascii();
        if value.is_empty() { Err(CredentialError::Missing) } else { Ok(value) }
    }
}

pub(crate) fn as_api_key(key: &[u8]) -> Result<ApiKey, CredentialError> {
    ApiKey::parse(key).map_err(|_| CredentialError::Malformed)
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(text: &[u8]) -> bool {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (start, _padding) = text.split_at(end);
    !start.is_empty()
        && start.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}
