use std::error::Error;

/// Shared limits could not decide.
///
/// The text is opaque, so that it can be shown to a caller. The [source](Error::source) is the error of the
/// backend, for operators.
///
/// ```
/// use dualkey_store::{SharedLimitsError, SharedLimitsErrorKind};
///
/// let error = SharedLimitsError::new(SharedLimitsErrorKind::Unreachable, "connection refused");
/// assert_eq!(error.to_string(), "the shared limits could not decide");
/// assert!(!error.may_have_run());
/// let error = SharedLimitsError::new(SharedLimitsErrorKind::TimedOut, "no answer in 100 ms");
/// assert!(error.may_have_run());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the shared limits could not decide")]
pub struct SharedLimitsError {
    kind: SharedLimitsErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

/// What went wrong with a call of shared limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SharedLimitsErrorKind {
    /// There was no connection, and the call was not sent.
    Unreachable,
    /// The call reached the store too late, or the clocks differ. It did not run.
    Void,
    /// The store refused the call and changed nothing: out of memory, read-only, or a missing right.
    Rejected,
    /// The stored state cannot be read. Nothing was changed.
    Unreadable,
    /// The store did not answer in time.
    TimedOut,
    /// The connection was lost after the call was sent, or the answer makes no sense.
    AnswerLost,
}

impl SharedLimitsError {
    /// Wraps the error of a backend.
    #[must_use]
    pub fn new(
        kind: SharedLimitsErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, source: source.into() }
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> SharedLimitsErrorKind {
        self.kind
    }

    /// Whether the call may have taken effect. Then it must not be repeated.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        use SharedLimitsErrorKind::{
            AnswerLost, Rejected, TimedOut, Unreachable, Unreadable, Void,
        };
        match self.kind {
            TimedOut | AnswerLost => true,
            Unreachable | Void | Rejected | Unreadable => false,
        }
    }
}
