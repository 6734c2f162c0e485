//! Connections that delay, cut, duplicate, and say what is no answer.

use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::fleet::{Plan, policy};
use crate::proxy::{Fault, Proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delayed_calls_and_answers_grant_nothing_more() {
    check(Fault::Delay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_in_an_answer_grant_nothing_more() {
    check(Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_socket_grants_nothing_more() {
    check(Fault::Garbage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_sent_twice_grant_nothing_more() {
    check(Fault::DuplicateAnswers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_sent_twice_grant_nothing_more() {
    check(Fault::DuplicateRequests).await;
}

async fn check(fault: Fault) {
    let (server, policy) = (Server::start_on_port(), policy(500, 100));
    let proxy = Proxy::start(server.port()).await;
    let fleet = Plan::new(&proxy.url(), policy).start(3);
    fleet.goes_on().await;
    proxy.set(fault);
    sleep(Duration::from_secs(3)).await;
    proxy.set(Fault::Nothing);
    fleet.goes_on().await;
    let (record, used) = fleet.end().await;
    assert!(proxy.faults() > 10, "{}", proxy.faults());
    assert_eq!(record.excess(&policy), 0);
    assert!(used >= record.granted());
}
