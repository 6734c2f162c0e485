//! What `RedisLimits::check` finds on real servers.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::error::Error as _;

use dualkey_redis::{RedisLimits, ServerWarning};
use dualkey_store::SharedLimitsErrorKind;
use dualkey_testing::redis::{Cluster, Engine, Sentinel, Server};

use support::{add_user, patient};

#[tokio::test]
async fn a_server_as_it_should_be_has_no_warning() {
    let server = Server::start();
    let reports = patient(&server.url()).check().await.unwrap();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].version.starts_with("Redis 7.0."), "{reports:?}");
    assert!(reports[0].address.ends_with("/socket"), "{reports:?}");
    assert_eq!(reports[0].warnings, []);
}

#[tokio::test]
async fn the_version_of_valkey_is_its_own() {
    for (engine, version) in [(Engine::Valkey8, "Valkey 8."), (Engine::Valkey9, "Valkey 9.")] {
        let server = Server::start_engine(engine);
        let reports = patient(&server.url()).check().await.unwrap();
        assert!(reports[0].version.starts_with(version), "{reports:?}");
        assert_eq!(reports[0].warnings, []);
    }
}

#[tokio::test]
async fn an_eviction_policy_is_a_warning() {
    let server = Server::start();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let reports = patient(&server.url()).check().await.unwrap();
    assert_eq!(reports[0].warnings, [ServerWarning::Evicts("allkeys-lru".into())]);
    assert!(reports[0].warnings[0].to_string().contains("set noeviction"));
}

#[tokio::test]
async fn a_missing_right_is_an_error_that_names_it() {
    let server = Server::start();
    let url = format!("{}?user=limits&pass=secret", server.url());
    let rights = "+get +set +eval +evalsha +info +time";
    for right in rights.split(' ') {
        add_user(&server, &format!("reset {rights} ~dualkey:* on >secret"));
        assert!(patient(&url).check().await.is_ok());
        server.command(&["ACL", "SETUSER", "limits", &right.replace('+', "-")]);
        let error = patient(&url).check().await.unwrap_err();
        let reason = error.source().unwrap().to_string();
        assert!(reason.contains(right.trim_start_matches('+')), "{right}: {reason}");
    }
    add_user(&server, rights);
    let elsewhere = patient(&url).with_key_prefix("other:");
    let error = elsewhere.check().await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("other:"));
}

#[tokio::test]
async fn a_cluster_needs_the_right_to_ask() {
    let cluster = Cluster::start();
    for node in cluster.masters().iter().chain(cluster.replicas()) {
        add_user(node, "+evalsha +eval +get +set +time +info +cluster|slots ~dualkey:*");
    }
    let error = patient(&cluster.url().replace("//", "//limits:secret@")).check().await;
    assert!(error.unwrap_err().source().unwrap().to_string().contains("+asking"));
}

#[tokio::test]
async fn each_master_of_a_cluster_is_checked() {
    let cluster = Cluster::start();
    cluster.masters()[1].command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    let reports = patient(&cluster.url()).check().await.unwrap();
    let warned = reports.iter().filter(|report| !report.warnings.is_empty());
    let port = cluster.masters()[1].port().to_string();
    assert_eq!(reports.len(), 3);
    assert!(warned.map(|report| &report.address).all(|address| address.ends_with(&port)));
    assert_eq!(reports.iter().map(|report| report.warnings.len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn the_master_of_sentinels_is_checked() {
    let sentinel = Sentinel::start();
    let reports = patient(&sentinel.url()).check().await.unwrap();
    assert!(reports[0].address.ends_with(&sentinel.master().port().to_string()));
}

#[tokio::test]
async fn no_server_cannot_be_checked() {
    let limits = RedisLimits::new("redis+unix:///does/not/exist").unwrap();
    assert_eq!(limits.check().await.unwrap_err().kind(), SharedLimitsErrorKind::Unreachable);
}
