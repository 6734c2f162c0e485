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
