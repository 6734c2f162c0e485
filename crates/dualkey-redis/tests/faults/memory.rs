//! A server that evicts keys, or takes no write.

use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, most_leased, policy};
use crate::support::KEY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evicted_state_is_no_fresh_bucket() {
    const EVICTIONS: u64 = 5;
    let (server, policy) = (Server::start(), policy(500, 200));
    let fleet = Plan::new(&server.url(), policy).start(3);
    fleet.goes_on().await;
    // One sample: each key is evicted as likely as another.
    let memory = server.command(&["INFO", "memory"]);
    let used: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let most = (used + 2_000_000).to_string();
    for (name, value) in
        [("maxmemory-policy", "allkeys-lru"), ("maxmemory-samples", "1"), ("maxmemory", &most)]
    {
        server.command(&["CONFIG", "SET", name, value]);
    }
    let client = redis::Client::open(server.url()).unwrap();
    let mut other = client.get_multiplexed_async_connection().await.unwrap();
    let (mut evictions, mut written) = (0, 0);
    while evictions < EVICTIONS {
        written += 1;
        let key = format!("other:{}", written % 1_000);
        let (_, is_left): ((), bool) = redis::pipe()
            .cmd("SET")
            .arg(key)
            .arg(vec![0_u8; 8_192])
            .cmd("EXISTS")
            .arg(KEY)
            .query_async(&mut other)
            .await
            .unwrap();
        if !is_left {
            evictions += 1;
            fleet.goes_on().await;
        }
    }
    let (record, used) = fleet.end().await;
    let (excess, lost) = (record.excess(&policy), record.granted().saturating_sub(used));
    assert!(excess <= EVICTIONS * most_leased(&policy, 3), "{excess}");
    assert!(lost <= EVICTIONS * most_leased(&policy, 3), "{lost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_write_loses_nothing() {
    let (server, policy) = (Server::start(), policy(500, 200));
    let fleet = Plan::new(&server.url(), policy).start(3);
    // Out of memory; and a replica of a master that is not there.
    let faults = [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ];
    let send = |command: &str| server.command(&command.split(' ').collect::<Vec<_>>());
    for (fault, end) in faults {
        fleet.goes_on().await;
        let away = fleet.away();
        send(fault);
        sleep(Duration::from_millis(1_200)).await;
        assert!(fleet.away() > away, "{fault}");
        send(end);
    }
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    assert_eq!(record.excess(&policy), 0);
    assert!(used >= record.granted());
}
