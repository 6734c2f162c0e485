//! A master that sentinels replace, while processes lease.

use dualkey_testing::redis::Sentinel;

use crate::fleet::{Plan, most_leased, policy};

/// Until a process asks the sentinels again, the old master goes on granting: each has a bucket and a count of its
/// own, of which the larger number of permits counts afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_grants_a_second_and_what_is_leased_more() {
    const FAILOVERS: u64 = 2;
    let (sentinel, policy) = (Sentinel::start(), policy(500, 200));
    let fleet = Plan::new(&sentinel.url(), policy).start(3);
    for _ in 0..FAILOVERS {
        fleet.goes_on().await;
        sentinel.fail_over();
        fleet.goes_on().await;
        sentinel.wait_until_it_is_complete();
    }
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    let (excess, lost) = (record.excess(&policy), record.granted().saturating_sub(used));
    let allowed = FAILOVERS * (500 + most_leased(&policy, 3));
    assert!(excess <= allowed && lost <= allowed, "{excess} {lost}");
}
