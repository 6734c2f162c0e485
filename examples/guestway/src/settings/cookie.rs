use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use dualkey::PlainToken;

use super::links::SiteUrl;
use super::sessions::Sessions;

/// The cookie of a session. Where browsers use HTTPS, it is `Secure` and its name binds it to this host
/// (RFC 6265bis §4.1.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionCookie {
    is_secure: bool,
}

impl SessionCookie {
    pub(crate) fn new(site: &SiteUrl) -> Self {
        Self { is_secure: site.is_https() }
    }

    const fn name(self) -> &'static str {
        if self.is_secure { "__Host-guestway" } else { "guestway" }
    }

    /// The session of a request.
    pub(crate) fn of(self, headers: &HeaderMap) -> Option<String> {
        let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
        let mut cookies = fields.flat_map(Cookie::split_parse).filter_map(Result::ok);
        let found = cookies.find(|cookie| cookie.name() == self.name());
        found.map(|cookie| cookie.value().to_owned())
    }

    /// The field that begins a session in the browser.
    pub(crate) fn set(self, session: &PlainToken) -> HeaderValue {
        let lifetime = Duration::try_from(Sessions::SESSION_LIFETIME).unwrap_or_default();
        self.field(session.expose_secret(), lifetime)
    }

    /// The field that ends it.
    pub(crate) fn clear(self) -> HeaderValue {
        self.field("", Duration::ZERO)
    }

    fn field(self, value: &str, lifetime: Duration) -> HeaderValue {
        let cookie = Cookie::build((self.name(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .max_age(lifetime);
        HeaderValue::try_from(cookie.to_string()).expect("a cookie has visible characters only")
    }
}
