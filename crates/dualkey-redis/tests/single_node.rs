//! `RedisLimits` on a real server.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::LimitPolicy;
use dualkey_redis::RedisLimits;
use dualkey_store::{
    LeaseId, LeaseRequest, SharedCall, SharedLimits, SharedLimitsErrorKind, SharedTake,
};
use dualkey_testing::conformance;
use dualkey_testing::redis::{Engine, Server};

use support::{KEY, PARTNER, add_user, failure, patient, peek, take};

#[tokio::test]
async fn redis_conforms() {
    check_conformance(Engine::Redis).await;
}

#[tokio::test]
async fn valkey_8_conforms() {
    check_conformance(Engine::Valkey8).await;
}

#[tokio::test]
async fn valkey_9_conforms() {
    check_conformance(Engine::Valkey9).await;
}

async fn check_conformance(engine: Engine) {
    let server = Server::start_engine(engine);
    let limits = Arc::new(patient(&server.url()));
    conformance::check_shared_limits(limits, async |time| tokio::time::sleep(time).await).await;
}

/// A server that was stopped runs what it received when it goes on.
#[tokio::test]
async fn a_call_that_was_given_up_charges_nothing() {
    let server = Server::start();
    let limits = patient(&server.url());
    assert!(take(&limits, 1).await);
    server.pause();
    let hasty = limits.clone().with_timeout(Duration::from_millis(50));
    let calls: Vec<_> = (0..8)
        .map(|_| hasty.clone())
        .map(|limits| tokio::spawn(async move { failure(&limits).await }))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), SharedLimitsErrorKind::TimedOut);
    }
    assert_eq!(failure(&hasty).await, SharedLimitsErrorKind::Unreachable, "no new connection");
    server.resume();
    assert_eq!(peek(&limits).await.used(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_opened_again() {
    let server = Server::start();
    let limits = patient(&server.url());
    assert!(take(&limits, 4).await);
    let known = peek(&limits).await;
    server.restart();
    let kind = failure(&limits).await;
    assert_eq!(kind, SharedLimitsErrorKind::AnswerLost, "the first call finds that it is lost");
    assert_eq!(peek(&limits).await.used(), 0, "the server is empty");
    let policy = LimitPolicy::default();
    let call = SharedCall::new(PARTNER, &policy).with_known(&known);
    let taken = limits.take(call, &SharedTake::permits(1)).await.unwrap();
    assert_eq!(taken.standing.used(), 5, "the day is no fresh one");
}

#[tokio::test]
async fn a_server_without_the_script_gets_its_text() {
    let server = Server::start();
    let limits = patient(&server.url());
    assert!(take(&limits, 1).await);
    server.command(&["SCRIPT", "FLUSH"]);
    assert!(take(&limits, 1).await);
    assert_eq!(peek(&limits).await.used(), 2);
}

#[tokio::test]
async fn a_state_expires_when_it_says_nothing_more() {
    let server = Server::start();
    assert!(take(&patient(&server.url()), 1).await);
    let millis: u64 = server.command(&["PTTL", KEY]).parse().unwrap();
    assert!((86_300_000..=86_401_000).contains(&millis), "a day and a second: {millis}");
}

#[tokio::test]
async fn a_state_is_small() {
    let server = Server::start();
    let limits = patient(&server.url());
    assert!(take(&limits, 1).await);
    let bytes: u64 = server.command(&["STRLEN", KEY]).parse().unwrap();
    assert_eq!(bytes, 39);
    let policy = LimitPolicy::default();
    let lease = Some(LeaseRequest { id: LeaseId::from_bits(1), permits: 2 });
    let leased = SharedTake { lease, ..SharedTake::default() };
    limits.take(SharedCall::new(PARTNER, &policy), &leased).await.unwrap();
    let bytes: u64 = server.command(&["STRLEN", KEY]).parse().unwrap();
    assert_eq!(bytes, 39 + 11 + 19);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_decides_nothing() {
    let server = Server::start();
    let limits = patient(&server.url());
    server.command(&["SET", KEY, "text"]);
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Unreadable);
    server.command(&["DEL", KEY]);
    server.command(&["RPUSH", KEY, "text"]);
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Unreadable);
}

#[tokio::test]
async fn a_server_that_takes_no_write_decides_nothing() {
    let server = Server::start();
    let limits = patient(&server.url());
    assert!(take(&limits, 1).await);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Rejected, "out of memory");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Rejected, "without its replica");
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    assert_eq!(peek(&limits).await.used(), 1);
}

#[tokio::test]
async fn a_user_needs_few_rights() {
    let server = Server::start();
    add_user(&server, "+evalsha +eval +get +set +time ~dualkey:*");
    let url = format!("{}?user=limits&pass=secret", server.url());
    let limits = RedisLimits::new(&url).unwrap().with_timeout(Duration::from_secs(60));
    assert!(take(&limits, 1).await);
    let elsewhere = limits.with_key_prefix("other:");
    assert_eq!(failure(&elsewhere).await, SharedLimitsErrorKind::Rejected);
    assert!(!format!("{elsewhere:?}").contains("secret"));
}

#[tokio::test]
async fn no_server_is_no_decision() {
    let limits = RedisLimits::new("redis+unix:///does/not/exist").unwrap();
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Unreachable);
}
