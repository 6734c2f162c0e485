//! Errors of the server and of the connection, by what they say of the call.

use dualkey_store::{SharedLimitsError, SharedLimitsErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The server does not know the script by its digest, and ran nothing.
pub(crate) fn refuses_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

pub(crate) fn failure(error: RedisError) -> SharedLimitsError {
    SharedLimitsError::new(kind(&error), error)
}

/// The server's errors come before the script's only write, or instead of it.
fn kind(error: &RedisError) -> SharedLimitsErrorKind {
    match (error.kind(), error.code()) {
        (ErrorKind::Extension, Some("UNREADABLE" | "WRONGTYPE")) => {
            SharedLimitsErrorKind::Unreadable
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => SharedLimitsErrorKind::Rejected,
        (ErrorKind::InvalidClientConfig, _) => SharedLimitsErrorKind::Unreachable,
        _ => SharedLimitsErrorKind::AnswerLost,
    }
}
