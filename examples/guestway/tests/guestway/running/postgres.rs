//! Servers and commands on PostgreSQL.

use std::time::{Duration, Instant};

use dualkey_testing::postgres::Server;
use serde_json::json;
use tokio::task::block_in_place;

use super::{add_partner, call, json_of, partner, revoke, status, until};
use crate::support::client::Client;
use crate::support::sandbox::{Sandbox, text};
use crate::support::secret::assert_absent;

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_all_servers_within_250_ms() {
    let password = "hunter2-is-not-for-logs";
    let url = format!("{}&password={password}", Server::shared().new_database());
    let sandbox = Sandbox::on(url);
    let (first, client) = (sandbox.serve("trace"), Client::http1());
    let api_key = add_partner(&sandbox);
    let second = sandbox.serve("info");
    let registry = sandbox.registry().await;
    let (mut slowest, mut total) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..20 {
        let token = block_in_place(|| sandbox.create_token("acme"));
        let calls = [&first, &second].map(|program| call(program, &api_key, &token));
        for call in &calls {
            assert_eq!(status(&client, call).await, 200);
        }
        let id = text(&token, "id").parse().unwrap();
        registry.revoke_token(&"acme".into(), &id).await.unwrap();
        let acknowledged = Instant::now();
        for call in &calls {
            until("it is refused", async || status(&client, call).await == 401).await;
        }
        total += acknowledged.elapsed();
        slowest = slowest.max(acknowledged.elapsed());
    }
    println!(
        "both servers refused {:?} after the acknowledgement, {slowest:?} at most",
        total / 20
    );
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    let (status, log) = first.stop("TERM").await;
    assert!(!log.contains(password));
    assert!(status.success() && log.contains("DEBUG"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_without_the_database_reports_the_lost_usage() {
    let database = Server::start();
    let sandbox = Sandbox::on(database.new_database());
    let (program, client) = (sandbox.serve("warn"), Client::http1());
    let [first, second] = &program.calls;
    assert_eq!(status(&client, first).await, 200);
    let used = || partner(&sandbox, &first.api_key)["used_today"] == 1;
    until("it is written", async || used()).await;
    assert_eq!(status(&client, first).await, 200);
    drop(database);
    assert_eq!(status(&client, second).await, 200, "from memory");
    let (status, log) = program.stop("TERM").await;
    assert_eq!(status.code(), Some(1));
    let last = log.lines().last().unwrap_or_default();
    assert!(last.starts_with("guestway: the latest usage was not written: "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_postgresql_answer_as_on_sqlite() {
    let sandbox = Sandbox::on(Server::shared().new_database());
    let api_key = add_partner(&sandbox);
    let created = block_in_place(|| sandbox.create_token("acme"));
    let rotate = ["token", "rotate", "--organization", "acme", text(&created, "id")];
    let rotated = json_of(&sandbox, &[&rotate[..], &["--overlap", "1h"]].concat());
    let program = sandbox.serve("info");
    let client = Client::http1();
    let list = || json_of(&sandbox, &["token", "list", "--organization", "acme"]);
    let mut requests = 0;
    until("both were used", async || {
        for token in [&created, &rotated] {
            assert_eq!(status(&client, &call(&program, &api_key, token)).await, 200);
            requests += 1;
        }
        list().as_array().unwrap().iter().all(|token| token["last_used"].is_string())
    })
    .await;
    assert!(program.stop("TERM").await.0.success());
    assert_eq!(partner(&sandbox, &api_key)["used_today"], requests);

    let listed = list();
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&rotated["id"], &json!("active")));
    assert_eq!((&listed[1]["id"], &listed[1]["status"]), (&created["id"], &json!("replaced")));
    revoke(&sandbox, &created);
    let trail = json_of(&sandbox, &["audit", "--organization", "acme"]);
    let actions = trail.as_array().unwrap().iter().map(|entry| text(entry, "action"));
    assert_eq!(Vec::from_iter(actions), ["token_revoked", "token_rotated", "token_issued"]);
    assert_absent(text(&rotated, "token"), format!("{listed}{trail}").as_bytes(), "a list");
}
