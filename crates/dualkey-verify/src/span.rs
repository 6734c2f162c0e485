//! What decisions record on the current span, where it declares fields of these names: `partner`, `organization`,
//! `token` and `code`.

use dualkey_store::{OrganizationId, PartnerId, TokenId};
use tracing::Span;
use tracing::field::display;
use tracing::level_filters::LevelFilter;

/// Whether a subscriber can record anything. Without one, a decision costs one relaxed load more.
#[inline]
pub(crate) fn is_enabled() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// Records who calls, once the token is known.
#[cold]
pub(crate) fn record_caller(partner: PartnerId, token: TokenId, organization: &OrganizationId) {
    let span = Span::current();
    span.record("partner", display(partner));
    span.record("organization", display(organization));
    span.record("token", display(token));
}

/// Records why a request is refused, and what is known of a caller that is not recorded yet.
#[cold]
pub(crate) fn record_refusal(code: &str, partner: Option<PartnerId>, token: Option<TokenId>) {
    let span = Span::current();
    if let Some(partner) = partner {
        span.record("partner", display(partner));
    }
    if let Some(token) = token {
        span.record("token", display(token));
    }
    span.record("code", code);
}
