//! What the tests of each topology share.

#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod load;

use std::time::Duration;

use dualkey_limit::LimitPolicy;
use dualkey_redis::RedisLimits;
use dualkey_store::{
    PartnerId, SharedCall, SharedLimits, SharedLimitsErrorKind, SharedStanding, SharedTake,
};
use dualkey_testing::redis::Server;
use tokio::time::{sleep, timeout};

pub(crate) const PARTNER: PartnerId = PartnerId::from_bytes([1; 16]);
pub(crate) const KEY: &str = "dualkey:01010101-0101-0101-0101-010101010101";

/// Limits with a time-out that only a call without an answer reaches.
pub(crate) fn patient(url: &str) -> RedisLimits {
    RedisLimits::new(url).unwrap().with_timeout(Duration::from_secs(60))
}

pub(crate) async fn take(limits: &RedisLimits, permits: u32) -> bool {
    let policy = LimitPolicy::default();
    let call = SharedCall::new(PARTNER, &policy);
    limits.take(call, &SharedTake::permits(permits)).await.unwrap().granted == [1]
}

pub(crate) async fn peek(limits: &RedisLimits) -> SharedStanding {
    limits.peek(SharedCall::new(PARTNER, &LimitPolicy::default())).await.unwrap()
}

/// What the store counts of today, once it answers: on a busy machine, a server that has replaced another one
/// may itself be replaced.
pub(crate) async fn used(limits: &RedisLimits, policy: &LimitPolicy) -> u64 {
    let answer = async {
        loop {
            if let Ok(standing) = limits.peek(SharedCall::new(PARTNER, policy)).await {
                return standing.used();
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), answer).await.expect("it recovers by itself")
}

pub(crate) async fn failure(limits: &RedisLimits) -> SharedLimitsErrorKind {
    let policy = LimitPolicy::default();
    let call = SharedCall::new(PARTNER, &policy);
    limits.take(call, &SharedTake::permits(1)).await.unwrap_err().kind()
}

/// Adds a user `limits` with the password `secret`.
pub(crate) fn add_user(server: &Server, rights: &str) {
    let user = ["ACL", "SETUSER", "limits", "on", ">secret"].into_iter();
    server.command(&user.chain(rights.split(' ')).collect::<Vec<_>>());
}
