//! Acknowledged changes survive a killed process, whatever its clock says.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, SystemClock, Timestamp};
use dualkey_store::TokenId;

use crate::support::{Database, issue, registry, registry_with_clock, tolerant_options};

/// Set in the child process, which this test kills.
const ADDRESS: &str = "DUALKEY_TEST_ISSUES_INTO";
/// How many seconds the clock of the child process is ahead of an hour ago.
const CLOCK: &str = "DUALKEY_TEST_CLOCK";

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_tokens_survive_kill_9() {
    if let Ok(address) = env::var(ADDRESS) {
        return issue_until_killed(&address).await;
    }
    let database = Database::sqlite();
    let mut acknowledged = Vec::new();
    // Right, an hour back, right again, an hour ahead, and back by two hours.
    for clock in [3_600, 0, 3_600, 7_200, 0] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["durable::acknowledged_tokens_survive_kill_9", "--exact", "--nocapture"])
            .env(ADDRESS, &database.address)
            .env(CLOCK, clock.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ids = lines.filter_map(|line| line.strip_prefix("issued ")?.parse::<TokenId>().ok());
        let before = acknowledged.len();
        acknowledged.extend(ids.take(40));
        assert_eq!(acknowledged.len(), before + 40);
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();

        let store = registry(database.open().await);
        let tokens = store.tokens(&"acme".into()).await.unwrap();
        let is_kept = |id: &TokenId| tokens.iter().any(|token| token.id == *id);
        assert!(acknowledged.iter().all(is_kept), "{tokens:?}");
        assert_eq!(database.texts("pragma integrity_check").await, ["ok"]);
        assert_eq!(database.count("dualkey_audit").await, tokens.len());
    }
}

async fn issue_until_killed(address: &str) {
    let store = tolerant_options().connect(address).await.unwrap();
    let ahead = Duration::from_secs(env::var(CLOCK).unwrap().parse().unwrap());
    let registry = registry_with_clock(Arc::new(store), Arc::new(HourAgo { ahead }));
    let registry = registry.with_max_tokens_per_organization(100_000);
    loop {
        println!("issued {}", issue(&registry, "acme").await.unwrap().record.id);
    }
}

/// A clock that is ahead of an hour ago.
#[derive(Debug)]
struct HourAgo {
    ahead: Duration,
}

impl Clock for HourAgo {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_sub(HOUR).saturating_add(self.ahead)
    }
}
