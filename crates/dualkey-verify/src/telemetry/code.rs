/// A decision, by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Granted,
    ApiKeyMissing,
    ApiKeyInvalid,
    TokenMissing,
    HeaderRepeated,
    TokenInvalid,
    ScopeInsufficient,
    RateLimited,
    QuotaExceeded,
    AttemptsExceeded,
    Unavailable,
}

impl Code {
    /// The texts, in the order of the codes.
    pub(crate) const TEXTS: [&str; Self::Unavailable as usize + 1] = [
        "granted",
        "api_key_missing",
        "api_key_invalid",
        "token_missing",
        "header_repeated",
        "token_invalid",
        "scope_insufficient",
        "rate_limited",
        "quota_exceeded",
        "attempts_exceeded",
        "unavailable",
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        Self::TEXTS[self as usize]
    }
}

/// What the cache had of the partner or the token of a request when it was first looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// The request was decided before.
    #[default]
    NotLookedUp,
    /// The store was asked within `max_staleness` and has none.
    NegativeHit,
    /// Nothing.
    Miss,
    /// An entry to be confirmed.
    Stale,
    /// An entry that is served.
    Hit,
}
