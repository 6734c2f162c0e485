//! What an operator has to know before calls are made.

use std::fmt;

use dualkey_store::{SharedLimitsError, SharedLimitsErrorKind};
use redis::{Cmd, RedisError, RedisResult};

use crate::connection::Connection;
use crate::failure::{failure, is_forbidden};

/// A server, as [`RedisLimits::check`](crate::RedisLimits::check) found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerReport {
    /// The host and port, or the path of the socket.
    pub address: String,
    /// Such as `Redis 7.0.15`.
    pub version: String,
    /// What should be changed on this server.
    pub warnings: Vec<ServerWarning>,
}

/// A setting with which limits do not hold, or are not tested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerWarning {
    /// The server evicts keys when it runs out of memory, by this policy. An evicted state is a full bucket, and a
    /// fresh day until a process reports what it knows.
    Evicts(String),
    /// The version is older than Redis 7.0, the oldest that is tested.
    TooOld,
}

impl fmt::Display for ServerWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evicts(policy) => write!(
                f,
                "maxmemory-policy is {policy}, which evicts the limits of partners: set noeviction"
            ),
            Self::TooOld => f.write_str("the server is older than Redis 7.0: upgrade it"),
        }
    }
}

/// Tries each right with a command that changes nothing, and reads what the server is.
pub(crate) async fn check(
    connection: &Connection,
    key: &str,
    is_cluster: bool,
) -> Result<ServerReport, SharedLimitsError> {
    let asking = is_cluster.then(|| ("+asking", redis::cmd("ASKING")));
    for (right, cmd) in rights(key).into_iter().chain(asking) {
        let answer: RedisResult<redis::Value> = connection.query(&cmd).await;
        match answer {
            Err(error) if is_forbidden(&error) => return Err(missing(right, key, &error)),
            // Such as a redirect: rights are checked before it.
            Err(error) if error.is_io_error() => return Err(failure(error)),
            _ => {}
        }
    }
    let info: RedisResult<String> = connection.query(&redis::cmd("INFO")).await;
    let info = info.map_err(|error| match is_forbidden(&error) {
        true => missing("+info", key, &error),
        false => failure(error),
    })?;
    let report = report(connection.endpoint().to_string(), &info);
    for warning in &report.warnings {
        tracing::warn!(server = report.address, version = report.version, "{warning}");
    }
    Ok(report)
}

fn rights(key: &str) -> [(&'static str, Cmd); 4] {
    let cmd = |name: &str, arguments: &[&str]| redis::cmd(name).arg(arguments).clone();
    [
        ("+get", cmd("GET", &[key])),
        ("+set", cmd("SET", &[key, "", "PX", "1"])),
        ("+eval", cmd("EVAL", &["return 1", "1", key])),
        ("+evalsha", cmd("EVALSHA", &[&"0".repeat(40), "1", key])),
    ]
}

fn missing(right: &str, key: &str, error: &RedisError) -> SharedLimitsError {
    let text = format!("the user needs the right {right} on the keys of {key}: {error}");
    SharedLimitsError::new(SharedLimitsErrorKind::Rejected, text)
}

fn report(address: String, info: &str) -> ServerReport {
    let field = |name: &str| {
        let mut fields = info.lines().filter_map(|line| line.trim_end().split_once(':'));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value)
    };
    let redis = field("redis_version").unwrap_or("of an unknown version");
    let version = match field("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => format!("Redis {redis}"),
    };
    let mut warnings = Vec::new();
    let policy = field("maxmemory_policy").unwrap_or("unknown");
    if policy != "noeviction" {
        warnings.push(ServerWarning::Evicts(policy.to_owned()));
    }
    let major = redis.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 7) {
        warnings.push(ServerWarning::TooOld);
    }
    ServerReport { address, version, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_that_of_the_engine() {
        let report = |info| report(String::new(), info);
        let valkey =
            "redis_version:7.2.4\r\nvalkey_version:9.1.2\r\nmaxmemory_policy:noeviction\r\n";
        let valkey = report(valkey);
        assert_eq!((&*valkey.version, &*valkey.warnings), ("Valkey 9.1.2", &[][..]));
        let old = report("redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\n");
        assert_eq!((&*old.version, &*old.warnings), ("Redis 6.2.14", &[ServerWarning::TooOld][..]));
    }
}
