//! Policies that change while processes lease.

use std::sync::Arc;
use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, micros, policy};

/// Processes do not change at the same moment: they read the policy from a store of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alternating_policies_grant_no_more_than_the_largest() {
    let server = Server::start();
    let (fast, large, largest) = (policy(600, 40), policy(100, 200), policy(600, 200));
    let alternating = move || if (micros() / 300_000).is_multiple_of(2) { fast } else { large };
    let policies = Arc::new(alternating);
    let fleet = Plan { policies, ..Plan::new(&server.url(), fast) }.start(3);
    sleep(Duration::from_secs(4)).await;
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    assert_eq!(record.excess(&largest), 0);
    assert!(used >= record.granted());
}
