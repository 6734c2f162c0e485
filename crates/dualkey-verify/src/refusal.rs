use dualkey_store::{PartnerId, TokenId};
use dualkey_token::ParseTokenErrorKind;

use crate::decision::Denial;
use crate::span;

/// Why a request is refused, for the log: more than the caller learns, and no credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reason<'a> {
    pub(crate) text: &'a str,
    pub(crate) partner: Option<PartnerId>,
    pub(crate) token: Option<TokenId>,
    pub(crate) parse_error: Option<ParseTokenErrorKind>,
    /// Whether the caller is on the span already.
    pub(crate) is_recorded: bool,
}

impl<'a> Reason<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, partner: None, token: None, parse_error: None, is_recorded: false }
    }

    pub(crate) const fn of_partner(text: &'a str, partner: PartnerId) -> Self {
        Self { partner: Some(partner), ..Self::new(text) }
    }

    pub(crate) fn with_token(self, token: Option<TokenId>) -> Self {
        Self { token, ..self }
    }

    /// The reason of a request whose caller is on the span already: see [`span::record_caller`].
    pub(crate) fn of_recorded(text: &'a str, partner: PartnerId, token: TokenId) -> Self {
        Self { token: Some(token), is_recorded: true, ..Self::of_partner(text, partner) }
    }

    /// Logs the denial.
    #[inline]
    pub(crate) fn refuse(self, denial: Denial) -> Denial {
        if span::is_enabled() {
            let (partner, token) =
                if self.is_recorded { (None, None) } else { (self.partner, self.token) };
            span::record_refusal(denial.code(), partner, token);
        }
        tracing::debug!(
            code = denial.code(),
            reason = self.text,
            partner = self.partner.map(display),
            token = self.token.map(display),
            parse_error = self.parse_error.map(display),
            "refused"
        );
        denial
    }
}
