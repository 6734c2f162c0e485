use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use axum::http::Uri;
use dualkey::PlainToken;

/// The paths of the pages.
pub(crate) const TOKENS: &str = "/settings/api-access";
pub(crate) const PARTNERS: &str = "/operator";
pub(crate) const SIGN_IN: &str = "/sign-in";
pub(crate) const SIGN_OUT: &str = "/sign-out";
pub(crate) const STYLE: &str = "/assets/guestway.css";

/// The address at which browsers reach the server, such as `https://guestway.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteUrl(String);

/// The text is no address of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSiteUrl;

impl SiteUrl {
    /// The address of a server without another name.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        Self(format!("http://{address}"))
    }

    /// The address without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link with which a user signs in. It holds a secret: the code.
    #[must_use]
    pub fn sign_in(&self, code: &PlainToken) -> String {
        format!("{}{SIGN_IN}/{}", self.0, code.expose_secret())
    }

    /// Whether browsers reach the server by HTTPS only.
    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for SiteUrl {
    type Err = InvalidSiteUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSiteUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidSiteUrl)?;
        let is_site = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none();
        if is_site { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(InvalidSiteUrl) }
    }
}

impl fmt::Display for InvalidSiteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address begins with http:// or https:// and has no path")
    }
}

impl Error for InvalidSiteUrl {}
