//! Errors of the server and of the connection, by what they say of the call.

use std::error::Error as _;

use dualkey_store::{SharedLimitsError, SharedLimitsErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The server does not know the script by its digest, and ran nothing.
pub(crate) fn refuses_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// The server is a replica.
pub(crate) fn is_no_master(error: &RedisError) -> bool {
    use ServerErrorKind::{MasterDown, ReadOnly};
    matches!(error.kind(), ErrorKind::Server(ReadOnly | MasterDown))
}

/// No node serves the slot.
pub(crate) fn is_cluster_down(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ClusterDown)
}

/// The user may not run a command, or not on this key.
pub(crate) fn is_forbidden(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}

pub(crate) fn failure(error: RedisError) -> SharedLimitsError {
    SharedLimitsError::new(kind(&error), error)
}

pub(crate) fn unreachable(error: RedisError) -> SharedLimitsError {
    SharedLimitsError::new(SharedLimitsErrorKind::Unreachable, error)
}

/// The error of the server or of the connection.
pub(crate) fn cause(error: &SharedLimitsError) -> Option<&RedisError> {
    error.source()?.downcast_ref()
}

/// The server's errors come before the script's only write, or instead of it.
fn kind(error: &RedisError) -> SharedLimitsErrorKind {
    match (error.kind(), error.code()) {
        (ErrorKind::Extension, Some("UNREADABLE" | "WRONGTYPE")) => {
            SharedLimitsErrorKind::Unreadable
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => SharedLimitsErrorKind::Rejected,
        _ => SharedLimitsErrorKind::AnswerLost,
    }
}
