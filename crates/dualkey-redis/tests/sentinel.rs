//! `RedisLimits` on a master with two replicas, which three sentinels monitor.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dualkey_redis::RedisLimits;
use dualkey_store::SharedLimitsErrorKind;
use dualkey_testing::conformance;
use dualkey_testing::redis::Sentinel;

use support::load::Load;
use support::{add_user, failure, patient, take};

#[tokio::test]
async fn a_master_of_sentinels_conforms() {
    let sentinel = Sentinel::start();
    let limits = Arc::new(patient(&sentinel.url()));
    conformance::check_shared_limits(limits, async |time| tokio::time::sleep(time).await).await;
}

#[tokio::test]
async fn a_sentinel_that_does_not_answer_delays_nothing() {
    let sentinel = Sentinel::start();
    sentinel.sentinels()[0].pause();
    sentinel.sentinels()[1].kill();
    let limits = patient(&sentinel.url());
    assert!(take(&limits, 1).await);
    let unknown = RedisLimits::new(&sentinel.url().replace("/limits", "/other")).unwrap();
    assert_eq!(failure(&unknown).await, SharedLimitsErrorKind::Unreachable);
    sentinel.sentinels()[0].resume();
}

#[tokio::test]
async fn users_need_few_rights() {
    let sentinel = Sentinel::start();
    for server in sentinel.servers() {
        add_user(server, "+evalsha +eval +get +set +time +role ~dualkey:*");
    }
    for server in sentinel.sentinels() {
        add_user(server, "+sentinel|get-master-addr-by-name");
    }
    let url = sentinel.url().replace("//", "//limits:secret@");
    let url = format!("{url}?sentinel_user=limits&sentinel_password=secret");
    assert!(take(&patient(&url), 1).await);
    let wrong = RedisLimits::new(&url.replace("_password=secret", "_password=other")).unwrap();
    assert_eq!(failure(&wrong).await, SharedLimitsErrorKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_followed_to_a_replica_and_back() {
    let sentinel = Sentinel::start();
    let [first, second, _] = sentinel.servers() else { panic!("three servers") };
    let limits = RedisLimits::new(&sentinel.url()).unwrap().with_timeout(Duration::from_secs(1));
    let load = Load::start(&limits);
    for (old, new) in [(first, second), (second, first)] {
        load.goes_on().await;
        sentinel.fail_over();
        load.goes_on().await;
        sentinel.wait_until_it_is_complete();
        load.goes_on().await;
        assert!(new.command(&["ROLE"]).starts_with("master"));
        assert!(old.command(&["ROLE"]).starts_with("slave"));
    }
    load.end(&limits).await;
}

/// Sentinels make an old master a replica, and so close its connections, after four of these periods.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_master_is_left_before_it_is_a_replica() {
    let sentinel = Sentinel::start();
    for each in sentinel.sentinels() {
        each.command(&["SENTINEL", "DEBUG", "PUBLISH-PERIOD", "2000"]);
    }
    let [old, new, _] = sentinel.servers() else { panic!("three servers") };
    let limits = RedisLimits::new(&sentinel.url()).unwrap().with_timeout(Duration::from_secs(1));
    let load = Load::start(&limits);
    load.goes_on().await;
    sentinel.fail_over();
    while !new.command(&["INFO", "commandstats"]).contains("cmdstat_evalsha:") {
        load.goes_on().await;
    }
    assert!(old.command(&["ROLE"]).starts_with("master"));
    load.end(&limits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_is_replaced() {
    let sentinel = Sentinel::start();
    let [old, new, _] = sentinel.servers() else { panic!("three servers") };
    let limits = RedisLimits::new(&sentinel.url()).unwrap();
    let load = Load::start(&limits);
    load.goes_on().await;
    old.kill();
    load.goes_on().await;
    assert!(new.command(&["ROLE"]).starts_with("master"));
    old.start_again();
    sentinel.wait_until_it_is_complete();
    load.goes_on().await;
    load.end(&patient(&sentinel.url())).await;
}
