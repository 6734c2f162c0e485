//! `RedisLimits` on a cluster of three masters, each with a replica.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::LimitPolicy;
use dualkey_redis::RedisLimits;
use dualkey_store::{PartnerId, SharedCall, SharedLimits, SharedLimitsErrorKind, SharedTake};
use dualkey_testing::conformance;
use dualkey_testing::redis::{Cluster, Server};

use support::load::Load;
use support::{KEY, add_user, failure, patient, peek, take};

/// The index of the master that owns the key of the tests.
fn owner(cluster: &Cluster) -> usize {
    let slot = cluster.masters()[0].command(&["CLUSTER", "KEYSLOT", KEY]);
    match slot.parse::<u16>().unwrap() {
        0..=5460 => 0,
        5461..=10922 => 1,
        _ => 2,
    }
}

/// Whether the server answered with this error.
fn has_answered(server: &Server, error: &str) -> bool {
    server.command(&["INFO", "errorstats"]).contains(&format!("errorstat_{error}:"))
}

/// The address for a user with the rights that the documentation names.
fn with_few_rights(cluster: &Cluster) -> String {
    for node in cluster.masters().iter().chain(cluster.replicas()) {
        add_user(node, "+evalsha +eval +get +set +time +asking +cluster|slots ~dualkey:*");
    }
    cluster.url().replace("//", "//limits:secret@")
}

#[tokio::test]
async fn a_cluster_conforms() {
    let cluster = Cluster::start();
    let limits = Arc::new(patient(&cluster.url()));
    conformance::check_shared_limits(limits, async |time| tokio::time::sleep(time).await).await;
}

#[tokio::test]
async fn calls_go_to_the_owner_of_the_slot() {
    let cluster = Cluster::start();
    let limits = patient(&cluster.url());
    let policy = LimitPolicy::default();
    for partner in 0..100 {
        let call = SharedCall::new(PartnerId::from_bytes([partner; 16]), &policy);
        limits.take(call, &SharedTake::permits(1)).await.unwrap();
    }
    for master in cluster.masters() {
        assert!(!has_answered(master, "MOVED"));
        assert_ne!(master.command(&["DBSIZE"]), "0");
    }
    let tagged = limits.with_key_prefix("{one node}");
    for partner in 0..20 {
        let call = SharedCall::new(PartnerId::from_bytes([partner; 16]), &policy);
        tagged.take(call, &SharedTake::permits(1)).await.unwrap();
    }
    assert!(cluster.masters().iter().all(|master| !has_answered(master, "MOVED")));
}

#[tokio::test]
async fn one_node_of_a_cluster_follows_no_redirect() {
    let cluster = Cluster::start();
    let other = &cluster.masters()[(owner(&cluster) + 1) % 3];
    let limits = patient(&format!("redis://127.0.0.1:{}", other.port()));
    assert_eq!(failure(&limits).await, SharedLimitsErrorKind::Rejected);
    let limits = patient(&format!("redis+cluster://127.0.0.1:{}", other.port()));
    assert!(take(&limits, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_followed() {
    let cluster = Cluster::start();
    let limits = patient(&with_few_rights(&cluster));
    let load = Load::start(&limits);
    load.goes_on().await;

    let from = &cluster.masters()[owner(&cluster)];
    let to = &cluster.masters()[(owner(&cluster) + 1) % 3];
    let id = |server: &Server| server.command(&["CLUSTER", "MYID"]);
    let (from_id, to_id) = (id(from), id(to));
    let slot = from.command(&["CLUSTER", "KEYSLOT", KEY]);
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    load.goes_on().await;
    from.command(&["MIGRATE", "127.0.0.1", &to.port().to_string(), KEY, "0", "5000"]);
    load.goes_on().await;
    assert!(has_answered(from, "ASK") && has_answered(to, "NOSCRIPT"));
    assert!(!has_answered(from, "MOVED"));

    for master in [to, from] {
        master.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    load.goes_on().await;
    assert!(has_answered(from, "MOVED"));
    load.end(&limits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_takes_over() {
    let cluster = Cluster::start();
    let limits = patient(&cluster.url()).with_timeout(Duration::from_secs(1));
    let load = Load::start(&limits);
    load.goes_on().await;

    let owner = owner(&cluster);
    let (master, replica) = (&cluster.masters()[owner], &cluster.replicas()[owner]);
    replica.command(&["CLUSTER", "FAILOVER"]);
    while !replica.command(&["ROLE"]).starts_with("master") {
        load.goes_on().await;
    }
    cluster.wait_until_it_is_complete();
    load.goes_on().await;
    assert!(master.command(&["ROLE"]).starts_with("slave"));
    load.end(&limits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_is_replaced_and_comes_back() {
    let cluster = Cluster::start();
    let limits = RedisLimits::new(&cluster.url()).unwrap();
    let load = Load::start(&limits);
    load.goes_on().await;

    let owner = owner(&cluster);
    let (master, replica) = (&cluster.masters()[owner], &cluster.replicas()[owner]);
    master.kill();
    load.goes_on().await;
    assert!(replica.command(&["ROLE"]).starts_with("master"));
    master.start_again();
    cluster.wait_until_it_is_complete();
    load.goes_on().await;
    load.end(&patient(&cluster.url())).await;
}

/// A node that was stopped keeps its connections, and those that are opened to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_delays_no_call_to_another() {
    let cluster = Cluster::start();
    let owner = owner(&cluster);
    let limits = patient(&cluster.url());
    assert!(take(&limits, 1).await);
    let stopped = &cluster.masters()[(owner + 1) % 3];
    stopped.pause();
    let fresh = patient(&cluster.url());
    assert!(take(&fresh, 1).await);
    assert_eq!(peek(&limits).await.used(), 2);
    stopped.resume();
}
