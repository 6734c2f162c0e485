//! `kill -9` of the server and of processes that change tokens loses no acknowledged change, and at
//! most a second of usage.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod command;
mod ledger;
mod load;
mod trial;
mod writer;

#[path = "../support/mod.rs"]
mod support;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use dualkey::{NewToken, Registry, TokenId};
use dualkey_testing::postgres::Server;
use support::sandbox::Sandbox;
use support::unique_name;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use trial::Trial;

/// These tests load the machine, and one measures time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn two_hundred_kills_on_sqlite_lose_no_acknowledged_change() {
    let _guard = ONE_AT_A_TIME.lock().await;
    run_trials([(); 2].map(|()| Sandbox::new()), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn thirty_kills_on_postgresql_lose_no_acknowledged_change() {
    let _guard = ONE_AT_A_TIME.lock().await;
    run_trials([(); 2].map(|()| Sandbox::on(Server::shared().new_database())), 15).await;
}

/// Runs this many rounds on each of the databases. The databases take part at the same time, because a
/// round mostly waits.
async fn run_trials<const N: usize>(sandboxes: [Sandbox; N], rounds: u32) {
    let trials = (0..).zip(sandboxes).map(|(number, sandbox)| async move {
        let first = number * rounds;
        Trial::new(sandbox).await.run(first..first + rounds).await;
    });
    JoinSet::from_iter(trials).join_all().await;
}

#[tokio::test]
#[ignore = "a process that the other tests start and kill"]
async fn writer() {
    writer::write().await;
}

async fn issue(registry: &Registry, organization: &str) -> (TokenId, String) {
    let token = NewToken::new(organization, unique_name(), ["full:read"]);
    let issued = registry.issue_token(token).await.unwrap();
    (issued.record.id, issued.secret.expose_secret().to_owned())
}

/// A random number below the bound.
fn below(bound: u64) -> u64 {
    RandomState::new().build_hasher().finish() % bound
}
