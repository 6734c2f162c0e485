use std::fmt::Write as _;

use axum::extract::OriginalUri;
use dualkey_store::TokenId;
use http::request::Parts;

/// The URLs of a router, which depend on the path that it is nested at.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// Without a trailing slash. Empty if the router is not nested.
    base: String,
}

impl Links {
    pub(crate) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// The path of the request, without the rest that the router matches itself.
    pub(crate) fn of_request(parts: &Parts) -> Self {
        let matched = parts.uri.path();
        let path = parts.extensions.get::<OriginalUri>().map_or(matched, |uri| uri.path());
        Self::new(path.strip_suffix(matched).unwrap_or(path))
    }

    /// The list, or the first page of another router.
    pub(crate) fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }

    /// The URL of a path below the base path.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn token(&self, id: &TokenId) -> String {
        self.below(&format!("/{id}"))
    }

    pub(crate) fn rotate(&self, id: &TokenId) -> String {
        self.below(&format!("/{id}/rotate"))
    }

    pub(crate) fn remove(&self, id: &TokenId) -> String {
        self.below(&format!("/{id}/remove"))
    }
}

/// A URL with this query. Empty values are left out.
pub(crate) fn with_query<'a>(
    url: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut text = url.to_owned();
    let mut separator = '?';
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push(separator);
        text.push_str(name);
        text.push('=');
        push_encoded(&mut text, value);
        separator = '&';
    }
    text
}

/// Percent-encodes every byte that is not unreserved (RFC 3986 §2.3).
fn push_encoded(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes every text");
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn links(original: &str, matched: &str) -> Links {
        let original = OriginalUri(original.parse().unwrap());
        let request = Request::get(matched).extension(original).body(()).unwrap();
        Links::of_request(&request.into_parts().0)
    }

    #[test]
    fn links_begin_with_the_path_that_the_router_is_nested_at() {
        for (original, matched, home, form) in [
            ("/settings/api-access", "/", "/settings/api-access", "/settings/api-access/new"),
            (
                "/settings/api-access/new",
                "/new",
                "/settings/api-access",
                "/settings/api-access/new",
            ),
            ("/", "/", "/", "/new"),
            ("/new?name=a", "/new?name=a", "/", "/new"),
            ("/a/a", "/a", "/a", "/a/new"),
        ] {
            let links = links(original, matched);
            assert_eq!((links.home(), links.below("/new").as_str()), (home, form), "{original}");
        }
    }

    #[test]
    fn queries_are_percent_encoded() {
        let fields = [("name", "a&b=c d\u{202e}"), ("q", ""), ("scope", "guests:read")];
        assert_eq!(
            with_query("/new", fields),
            "/new?name=a%26b%3Dc%20d%E2%80%AE&scope=guests%3Aread"
        );
    }
}
