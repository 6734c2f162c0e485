//! Processes whose clocks are wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dualkey_limit::{Clock, SystemClock, Timestamp};
use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, policy};

/// The system's clock, and seconds that are added to it.
#[derive(Debug, Default)]
struct WrongClock(AtomicI64);

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let seconds = self.0.load(Ordering::Relaxed);
        let (now, by) = (SystemClock.now(), Duration::from_secs(seconds.unsigned_abs()));
        if seconds < 0 { now.saturating_sub(by) } else { now.saturating_add(by) }
    }
}

fn clocks() -> [Arc<WrongClock>; 3] {
    [0, 3_600, -3_600].map(|seconds| Arc::new(WrongClock(seconds.into())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_are_an_hour_off_change_nothing() {
    let (server, policy) = (Server::start(), policy(500, 100));
    let clocks = clocks().map(|clock| clock as Arc<dyn Clock>);
    let fleet = Plan::new(&server.url(), policy).start_with(clocks);
    sleep(Duration::from_secs(3)).await;
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    assert_eq!(record.excess(&policy), 0);
    assert!(used >= record.granted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_changes_nothing() {
    let (server, policy) = (Server::start(), policy(500, 100));
    let clocks = clocks();
    let fleet = Plan::new(&server.url(), policy)
        .start_with(clocks.clone().map(|clock| clock as Arc<dyn Clock>));
    for seconds in [3_600, -3_600, 86_400, 0, -1, 1, -86_400, 0] {
        sleep(Duration::from_millis(300)).await;
        clocks[0].0.store(seconds, Ordering::Relaxed);
        fleet.goes_on().await;
    }
    let (record, used) = fleet.end().await;
    assert_eq!(record.excess(&policy), 0);
    assert!(used >= record.granted());
}
