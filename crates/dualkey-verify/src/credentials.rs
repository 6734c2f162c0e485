use std::fmt;

use dualkey_store::ApiKey;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

/// The header fields that hold the two credentials. Default: `X-Api-Key` and `Authorization`.
///
/// ```
/// use dualkey_verify::HeaderNames;
/// use http::HeaderName;
///
/// let names = HeaderNames::default().with_api_key(HeaderName::from_static("x-partner-key"));
/// assert_eq!((names.api_key.as_str(), names.token.as_str()), ("x-partner-key", "authorization"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The field of the partner key.
    pub api_key: HeaderName,
    /// The field of the bearer token.
    pub token: HeaderName,
}

/// The two credentials of a request, parsed when asked for. Nothing is looked up.
///
/// ```
/// use dualkey_verify::{CredentialError, Credentials, HeaderNames};
/// use http::HeaderMap;
///
/// let (mut headers, names) = (HeaderMap::new(), HeaderNames::default());
/// headers.insert("x-api-key", "abcd1234efgh5678".parse()?);
/// headers.insert("authorization", "bearer  abc.def".parse()?);
/// let credentials = Credentials::new(&headers, &names);
/// assert_eq!(credentials.api_key()?, "abcd1234efgh5678");
/// assert_eq!(credentials.token()?, b"abc.def");
///
/// headers.append("authorization", "Bearer abc.def".parse()?);
/// let repeated = Credentials::new(&headers, &names).token();
/// assert_eq!(repeated, Err(CredentialError::Repeated));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    headers: &'a HeaderMap,
    names: &'a HeaderNames,
}

/// Why a header field holds no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// The field is absent or empty, or holds credentials of another scheme.
    Missing,
    /// The field occurs more than once, be the values equal or not: which one counts is not guessed.
    Repeated,
    /// The field holds characters or a length that no credential has.
    Malformed,
}

/// The longest value of the token's field that is parsed, in bytes.
const MAX_TOKEN_FIELD: usize = 512;

impl HeaderNames {
    /// Reads the partner key from this field.
    #[must_use]
    pub fn with_api_key(self, api_key: HeaderName) -> Self {
        Self { api_key, ..self }
    }

    /// Reads the bearer token from this field.
    #[must_use]
    pub fn with_token(self, token: HeaderName) -> Self {
        Self { token, ..self }
    }
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self { api_key: HeaderName::from_static("x-api-key"), token: AUTHORIZATION }
    }
}

impl<'a> Credentials<'a> {
    /// The credentials in these headers.
    #[must_use]
    pub const fn new(headers: &'a HeaderMap, names: &'a HeaderNames) -> Self {
        Self { headers, names }
    }

    /// The partner key: 8 to 128 visible ASCII characters other than `"` `,` `;` `\`, without the white
    /// space around them.
    ///
    /// # Errors
    ///
    /// The field holds no partner key.
    pub fn api_key(&self) -> Result<ApiKey, CredentialError> {
        ApiKey::parse(self.api_key_field()?).map_err(|_| CredentialError::Malformed)
    }

    /// The bearer token: a `token68` (RFC 9110 §11.2) after the case-insensitive scheme (RFC 9110 §11.1)
    /// and one or more spaces.
    ///
    /// # Errors
    ///
    /// The field holds no bearer token.
    pub fn token(&self) -> Result<&'a [u8], CredentialError> {
        let token = self.token_field()?;
        if is_token68(token) { Ok(token) } else { Err(CredentialError::Malformed) }
    }

    /// The value in place of the partner key. It is looked up before it is parsed, since cached keys are
    /// well-formed.
    #[inline]
    pub(crate) fn api_key_field(&self) -> Result<&'a [u8], CredentialError> {
        self.value(&self.names.api_key)
    }

    /// The value in place of the token. It is looked up before it is parsed, likewise.
    #[inline]
    pub(crate) fn token_field(&self) -> Result<&'a [u8], CredentialError> {
        let value = self.value(&self.names.token)?;
        if let Some(token) = value.strip_prefix(b"Bearer ")
            && !token[0].is_ascii_whitespace()
            && value.len() <= MAX_TOKEN_FIELD
        {
            return Ok(token);
        }
        let scheme_end = value.iter().position(|byte| !is_tchar(*byte)).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(scheme_end);
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Err(CredentialError::Missing);
        }
        let token = rest.trim_ascii_start();
        if token.is_empty() {
            return Err(CredentialError::Missing);
        }
        let separator = &rest[..rest.len() - token.len()];
        let is_separated = !separator.is_empty() && separator.iter().all(|byte| *byte == b' ');
        let is_readable = is_separated && value.len() <= MAX_TOKEN_FIELD;
        if is_readable { Ok(token) } else { Err(CredentialError::Malformed) }
    }

    /// The value of the field, without the optional white space around it (RFC 9110 §5.5).
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

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the header field is missing",
            Self::Repeated => "the header field occurs more than once",
            Self::Malformed => "the header field holds no credential",
        })
    }
}

impl std::error::Error for CredentialError {}

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
