//! A server, or a process, that stands still.

use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, policy};

/// Two in each of eight processes.
const CALLERS: u64 = 16;

/// The rate is too low for leases: each permit is one that a call spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stopped_for_ten_seconds_charges_nothing() {
    let (refusing, deciding) = (Server::start(), Server::start());
    let policy = policy(50, 50);
    let plan = |server: &Server| Plan { callers: 2, ..Plan::new(&server.url(), policy) };
    let fleets = [plan(&refusing).start(8), plan(&deciding).local(8).start(8)];
    for fleet in &fleets {
        fleet.goes_on().await;
    }
    for server in [&refusing, &deciding] {
        server.pause();
    }
    sleep(Duration::from_secs(1)).await;
    let before = fleets.each_ref().map(|fleet| (fleet.away(), fleet.granted()));
    sleep(Duration::from_secs(9)).await;
    let after = fleets.each_ref().map(|fleet| (fleet.away(), fleet.granted()));
    assert!(after[0].0 > before[0].0 + 1_000, "{before:?} {after:?}");
    assert_eq!(after[0].1, before[0].1, "it refuses");
    assert!(after[1].1 >= before[1].1 + 400, "each of eight processes decides by an eighth");
    assert_eq!(after[1].0, 0);
    for server in [&refusing, &deciding] {
        server.resume();
    }
    // Local buckets, and the bucket of the store, which has filled up meanwhile.
    for (fleet, allowed) in fleets.into_iter().zip([0, 2 * 50]) {
        fleet.goes_on().await;
        let (record, used) = fleet.end().await;
        let charged_in_vain = used - record.granted();
        assert!(charged_in_vain <= CALLERS, "only calls that it ran before it stopped");
        assert!(record.failed > 2 * CALLERS, "{}", record.failed);
        let excess = record.excess(&policy);
        assert!(excess <= allowed, "{excess}");
    }
}
