use std::collections::BTreeMap;

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, Entry, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

/// A content security policy: its directives with their sources.
#[derive(Clone, Debug)]
pub(crate) struct Policy(BTreeMap<String, Vec<String>>);

impl Policy {
    /// No inline script or style, nothing of another origin, and no frame around the page.
    pub(crate) fn strict() -> Self {
        let directives = [
            ("default-src", "'none'"),
            ("script-src", "'self'"),
            ("style-src", "'self'"),
            ("form-action", "'self'"),
            ("base-uri", "'none'"),
            ("frame-ancestors", "'none'"),
        ];
        let owned = |(name, source): (&str, &str)| (name.to_owned(), vec![source.to_owned()]);
        Self(directives.into_iter().map(owned).collect())
    }

    /// Adds a source to a directive. `'none'` goes where another source comes (CSP 3 §6.7.2.5).
    ///
    /// # Panics
    ///
    /// If the directive or the source has characters that a header field cannot hold.
    pub(crate) fn add(&mut self, directive: &str, source: &str) {
        let sources = self.0.entry(directive.to_owned()).or_default();
        sources.retain(|source| source != "'none'");
        sources.push(source.to_owned());
        self.header();
    }

    /// The value of the header field.
    ///
    /// # Panics
    ///
    /// If a directive or a source has characters that a header field cannot hold.
    pub(crate) fn header(&self) -> HeaderValue {
        let directive =
            |(name, sources): (&String, &Vec<String>)| format!("{name} {}", sources.join(" "));
        let text = self.0.iter().map(directive).collect::<Vec<_>>().join("; ");
        HeaderValue::try_from(text).expect("sources of a policy have visible characters only")
    }
}

/// Adds the fields that every response has. A response of the embedding program keeps a content security
/// policy of its own.
pub(crate) fn protect(mut response: Response, policy: HeaderValue) -> Response {
    let headers = response.headers_mut();
    // Under `no-referrer` browsers send `Origin: null` with a form, which the cross-site check refuses.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Entry::Vacant(vacant) = headers.entry(CONTENT_SECURITY_POLICY) {
        vacant.insert(policy);
    }
    if let Entry::Vacant(vacant) = headers.entry(CACHE_CONTROL) {
        vacant.insert(HeaderValue::from_static("no-store"));
    }
    response
}
