//! A server that is killed and starts again, empty.

use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, most_leased, policy, with_quota};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_no_fresh_bucket() {
    const KILLS: u64 = 5;
    let (server, policy) = (Server::start(), policy(500, 200));
    let fleet = Plan::new(&server.url(), policy).start(3);
    for _ in 0..KILLS {
        fleet.goes_on().await;
        sleep(Duration::from_millis(300)).await;
        server.kill();
        sleep(Duration::from_millis(20)).await;
        server.start_again();
    }
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    let (excess, lost) = (record.excess(&policy), record.granted().saturating_sub(used));
    assert!(excess <= KILLS * most_leased(&policy, 3), "{excess}");
    assert!(lost <= KILLS * most_leased(&policy, 3), "{lost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_empty_gives_no_fresh_day() {
    const RESTARTS: u64 = 3;
    let (server, policy) = (Server::start(), with_quota(policy(500, 40), 600));
    let fleet = Plan::new(&server.url(), policy).start(3);
    fleet.has_granted(550).await;
    for _ in 0..RESTARTS {
        server.restart();
        fleet.goes_on().await;
    }
    let (record, used) = fleet.end().await;
    assert!(record.granted() <= 600 + RESTARTS * most_leased(&policy, 3), "{}", record.granted());
    assert!(used >= 600, "{used}");
}
