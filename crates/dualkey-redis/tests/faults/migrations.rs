//! A slot that moves to another node of a cluster, while processes lease.

use dualkey_testing::redis::{Cluster, Server};

use crate::fleet::{Plan, policy};
use crate::support::KEY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_back_and_forth_loses_nothing() {
    let (cluster, policy) = (Cluster::start(), policy(500, 200));
    let fleet = Plan::new(&cluster.url(), policy).start(3);
    let masters = cluster.masters();
    let slot = masters[0].command(&["CLUSTER", "KEYSLOT", KEY]);
    let owner = usize::from(slot.parse::<u16>().unwrap() / 5_461);
    for (from, to) in [(owner, (owner + 1) % 3), ((owner + 1) % 3, owner)] {
        fleet.goes_on().await;
        let (from, to) = (&masters[from], &masters[to]);
        let id = |server: &Server| server.command(&["CLUSTER", "MYID"]);
        let (from_id, to_id) = (id(from), id(to));
        to.command(&["SCRIPT", "FLUSH"]);
        to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        from.command(&["MIGRATE", "127.0.0.1", &to.port().to_string(), KEY, "0", "5000"]);
        fleet.goes_on().await;
        let has_answered = |server: &Server, error: &str| {
            server.command(&["INFO", "errorstats"]).contains(&format!("errorstat_{error}:"))
        };
        assert!(has_answered(from, "ASK") && has_answered(to, "NOSCRIPT"));
        for master in [to, from] {
            master.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        fleet.goes_on().await;
    }
    let (record, used) = fleet.end().await;
    assert_eq!(record.excess(&policy), 0);
    assert!(used >= record.granted());
}
