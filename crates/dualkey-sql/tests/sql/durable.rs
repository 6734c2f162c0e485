//! Acknowledged changes survive a killed process.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use dualkey_store::TokenId;

use crate::support::{Database, issue, registry, tolerant_options};

/// Set in the child process, which this test kills.
const ADDRESS: &str = "DUALKEY_TEST_ISSUES_INTO";

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_tokens_survive_kill_9() {
    if let Ok(address) = env::var(ADDRESS) {
        return issue_until_killed(&address).await;
    }
    let database = Database::sqlite();
    for _ in 0..3 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["durable::acknowledged_tokens_survive_kill_9", "--exact", "--nocapture"])
            .env(ADDRESS, &database.address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ids = lines.filter_map(|line| line.strip_prefix("issued ")?.parse::<TokenId>().ok());
        let mut acknowledged = Vec::from_iter(ids.take(40));
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();

        let store = registry(database.open().await);
        let tokens = store.tokens(&"acme".into()).await.unwrap();
        acknowledged.retain(|id| !tokens.iter().any(|token| token.id == *id));
        assert_eq!(acknowledged, []);
        assert_eq!(database.texts("pragma integrity_check").await, ["ok"]);
        assert_eq!(database.count("dualkey_audit").await, tokens.len());
    }
}

async fn issue_until_killed(address: &str) {
    let store = tolerant_options().connect(address).await.unwrap();
    let registry = registry(std::sync::Arc::new(store)).with_max_tokens_per_organization(100_000);
    loop {
        println!("issued {}", issue(&registry, "acme").await.unwrap().record.id);
    }
}
