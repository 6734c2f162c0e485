use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, SameSite};
use dualkey::PlainToken;

use super::links::SiteUrl;
use super::sessions::Sessions;

/// The cookies of a session, and of the page that a visitor without one asked for. Where browsers use HTTPS,
/// they are `Secure` and their names bind them to this host (RFC 6265bis §4.1.3.2).
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

    const fn page_name(self) -> &'static str {
        if self.is_secure { "__Host-guestway-page" } else { "guestway-page" }
    }

    /// The session of a request.
    pub(crate) fn of(self, headers: &HeaderMap) -> Option<String> {
        value(headers, self.name())
    }

    /// The page to show after the sign-in: a path with its query, as the browser has it.
    pub(crate) fn page_of(self, headers: &HeaderMap) -> Option<String> {
        value(headers, self.page_name())
    }

    /// The field that keeps a page for as long as a link is good.
    pub(crate) fn keep_page(self, page: &str) -> HeaderValue {
        self.field(self.page_name(), page, Sessions::LINK_LIFETIME)
    }

    /// The field that forgets the page.
    pub(crate) fn forget_page(self) -> HeaderValue {
        self.field(self.page_name(), "", Duration::ZERO)
    }

    /// The field that begins a session in the browser.
    pub(crate) fn set(self, session: &PlainToken) -> HeaderValue {
        self.field(self.name(), session.expose_secret(), Sessions::SESSION_LIFETIME)
    }

    /// The field that ends it.
    pub(crate) fn clear(self) -> HeaderValue {
        self.field(self.name(), "", Duration::ZERO)
    }

    fn field(self, name: &str, value: &str, lifetime: Duration) -> HeaderValue {
        let lifetime = cookie::time::Duration::try_from(lifetime).unwrap_or_default();
        let cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .max_age(lifetime);
        HeaderValue::try_from(cookie.to_string()).expect("a cookie has visible characters only")
    }
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut cookies = fields.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let found = cookies.find(|cookie| cookie.name() == name);
    found.map(|cookie| cookie.value().to_owned())
}
