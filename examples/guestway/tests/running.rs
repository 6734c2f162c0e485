//! Commands while the server runs, restarts, and several servers on one database.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod support;

use std::time::{Duration, Instant};

use dualkey_testing::postgres::Server;
use serde_json::{Value, json};
use support::client::{Call, Client};
use support::desk::{Desk, text};
use support::program::Program;
use support::secret::assert_absent;
use tokio::task::block_in_place;
use tokio::time::sleep;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until this is so: how long that took.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "it takes too long until {what}");
        sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// A command, without keeping other tasks from running.
fn json_of(desk: &Desk, arguments: &[&str]) -> Value {
    block_in_place(|| desk.json(arguments))
}

/// The key of a partner whose limits no test meets.
fn add_partner(desk: &Desk) -> String {
    let limits = ["--rate", "100000", "--burst", "100000", "--daily", "none"];
    let partner = json_of(desk, &[&["partner", "add", "Tests"], &limits[..]].concat());
    text(&partner, "key").to_owned()
}

fn call(program: &Program, api_key: &str, token: &Value) -> Call {
    let call = program.call("/v1/organization", text(token, "token"));
    Call { api_key: api_key.to_owned(), ..call }
}

async fn status(client: &Client, call: &Call) -> u16 {
    client.send(call.get()).await.status.as_u16()
}

fn partner(desk: &Desk, api_key: &str) -> Value {
    let partners = json_of(desk, &["partner", "list"]);
    partners.as_array().unwrap().iter().find(|one| one["key"] == api_key).unwrap().clone()
}

fn revoke(desk: &Desk, token: &Value) {
    let organization = text(token, "organization");
    json_of(desk, &["token", "revoke", "--organization", organization, text(token, "id")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_accepted_once_it_is_created_and_refused_soon_after_it_is_revoked() {
    let desk = Desk::new();
    let (program, client) = (desk.serve("info"), Client::http1());
    let api_key = add_partner(&desk);
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let token = block_in_place(|| desk.create_token("acme"));
        let call = call(&program, &api_key, &token);
        assert_eq!(status(&client, &call).await, 200);
        revoke(&desk, &token);
        let took = until("it is refused", async || status(&client, &call).await == 401).await;
        slowest = slowest.max(took);
    }
    println!("a revoked token was refused at most {slowest:?} after the command had ended");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_is_refused_when_its_overlap_ends_and_its_successor_is_not() {
    let desk = Desk::new();
    let (program, client) = (desk.serve("info"), Client::http1());
    let api_key = add_partner(&desk);
    let old = block_in_place(|| desk.create_token("acme"));
    let old_call = call(&program, &api_key, &old);
    assert_eq!(status(&client, &old_call).await, 200);

    let rotate = ["token", "rotate", "--organization", "acme", text(&old, "id")];
    let began = Instant::now();
    let new = json_of(&desk, &[&rotate[..], &["--overlap", "3s"]].concat());
    let new_call = call(&program, &api_key, &new);
    assert_eq!(status(&client, &new_call).await, 200);
    assert!(status(&client, &old_call).await == 200 || began.elapsed() > Duration::from_secs(3));
    until("the old one is refused", async || status(&client, &old_call).await == 401).await;
    assert!(began.elapsed() > Duration::from_secs(3));
    assert_eq!(status(&client, &new_call).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_switches_of_a_partner_reach_the_running_server() {
    let desk = Desk::new();
    let (program, client) = (desk.serve("info"), Client::http1());
    let api_key = add_partner(&desk);
    let token = block_in_place(|| desk.create_token("acme"));
    let call = call(&program, &api_key, &token);
    assert_eq!(status(&client, &call).await, 200);
    json_of(&desk, &["partner", "disable", &api_key]);
    until("it is disabled", async || status(&client, &call).await == 401).await;
    json_of(&desk, &["partner", "enable", &api_key]);
    until("it is enabled", async || status(&client, &call).await == 200).await;
    json_of(&desk, &["partner", "limits", &api_key, "--daily", "1"]);
    until("its day is used up", async || status(&client, &call).await == 429).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_written_each_second_and_the_rest_at_a_clean_stop() {
    let desk = Desk::new();
    let (program, client) = (desk.serve("info"), Client::http1());
    let api_key = add_partner(&desk);
    let token = block_in_place(|| desk.create_token("acme"));
    let call = call(&program, &api_key, &token);
    let used = || partner(&desk, &api_key)["used_today"].as_u64().unwrap();
    for _ in 0..3 {
        assert_eq!(status(&client, &call).await, 200);
    }
    let took = until("usage is written", async || used() == 3).await;
    println!("usage was written after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    for _ in 0..4 {
        assert_eq!(status(&client, &call).await, 200);
    }
    assert!(program.stop("TERM").await.0.success());
    assert_eq!(used(), 7);
    let listed = json_of(&desk, &["token", "list", "--organization", "acme"]);
    assert!(listed[0]["first_used"].is_string() && listed[0]["last_used"].is_string(), "{listed}");
    let idle = ["token", "idle", "--organization", "acme", "--since", "1h"];
    assert_eq!(json_of(&desk, &idle), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_tokens_partners_and_what_they_used() {
    let desk = Desk::new();
    let client = Client::http1();
    let program = desk.serve("info");
    let limits = ["--rate", "1000", "--burst", "1000", "--daily", "5"];
    let added = json_of(&desk, &[&["partner", "add", "Tests"], &limits[..]].concat());
    let api_key = text(&added, "key");
    let [kept, revoked] = [(); 2].map(|()| block_in_place(|| desk.create_token("acme")));
    for _ in 0..3 {
        assert_eq!(status(&client, &call(&program, api_key, &kept)).await, 200);
    }
    revoke(&desk, &revoked);
    let lists = || {
        let partner = partner(&desk, api_key);
        (partner, json_of(&desk, &["token", "list", "--organization", "acme"]))
    };
    assert!(program.stop("INT").await.0.success());
    let before = lists();
    let program = desk.serve("info");
    assert_eq!(lists(), before);
    assert_eq!(status(&client, &call(&program, api_key, &revoked)).await, 401);
    for expected in [200, 200, 429] {
        assert_eq!(status(&client, &call(&program, api_key, &kept)).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_prints_requests_that_work_and_leaves_one_token_for_them() {
    let desk = Desk::new();
    let client = Client::http1();
    let own = ["token", "create", "--organization", "harbour-stays", "--name", "Demonstration"];
    let own = json_of(&desk, &[&own[..], &["--scope", "full:read"]].concat());
    let mut earlier: Option<Call> = None;
    for _ in 0..3 {
        let program = desk.serve("info");
        for call in &program.calls {
            assert_eq!(status(&client, call).await, 200);
        }
        let printed = program.calls[0].clone();
        if let Some(earlier) = earlier.replace(printed.clone()) {
            assert_eq!(earlier.api_key, printed.api_key);
            let earlier = Call { url: printed.url, ..earlier };
            assert_eq!(status(&client, &earlier).await, 401);
        }
        let tokens = json_of(&desk, &["token", "list", "--organization", "harbour-stays"]);
        let tokens = tokens.as_array().unwrap();
        assert_eq!((tokens.len(), &tokens[1]["id"]), (2, &own["id"]));
        assert!(tokens[0]["expires"].is_string(), "{}", tokens[0]);
    }
    assert_eq!(json_of(&desk, &["partner", "list"]).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_demonstration_the_api_is_served_all_the_same() {
    let desk = Desk::new();
    let registry = desk.registry().await;
    for _ in 0..100 {
        let issued = registry.issue_token(dualkey::NewToken {
            organization: "harbour-stays".into(),
            name: "Tests".to_owned(),
            scopes: vec!["full:read".to_owned()],
            expires_at: None,
        });
        issued.await.unwrap();
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = desk.command(&["serve", "--listen", &free.to_string()]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    until("it is served", async || std::net::TcpStream::connect(free).is_ok()).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_revocation_reaches_all_servers_within_250_ms() {
    let password = "hunter2-is-not-for-logs";
    let url = format!("{}&password={password}", Server::shared().new_database());
    let desk = Desk::on(url);
    let (first, client) = (desk.serve("trace"), Client::http1());
    let api_key = add_partner(&desk);
    let second = desk.serve("info");
    let registry = desk.registry().await;
    let (mut slowest, mut total) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..20 {
        let token = block_in_place(|| desk.create_token("acme"));
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
async fn a_server_whose_database_is_gone_when_it_stops_says_what_is_lost() {
    let database = Server::start();
    let desk = Desk::on(database.new_database());
    let (program, client) = (desk.serve("warn"), Client::http1());
    let [first, second] = &program.calls;
    assert_eq!(status(&client, first).await, 200);
    let used = || partner(&desk, &first.api_key)["used_today"] == 1;
    until("it is written", async || used()).await;
    assert_eq!(status(&client, first).await, 200);
    drop(database);
    assert_eq!(status(&client, second).await, 200, "from memory");
    let (status, log) = program.stop("TERM").await;
    assert_eq!(status.code(), Some(1));
    let last = log.lines().last().unwrap_or_default();
    assert!(last.starts_with("guestway: what was used last is not written: "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_commands_answer_as_on_sqlite() {
    let desk = Desk::on(Server::shared().new_database());
    let api_key = add_partner(&desk);
    let created = block_in_place(|| desk.create_token("acme"));
    let rotate = ["token", "rotate", "--organization", "acme", text(&created, "id")];
    let rotated = json_of(&desk, &[&rotate[..], &["--overlap", "1h"]].concat());
    let program = desk.serve("info");
    let client = Client::http1();
    let list = || json_of(&desk, &["token", "list", "--organization", "acme"]);
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
    assert_eq!(partner(&desk, &api_key)["used_today"], requests);

    let listed = list();
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&rotated["id"], &json!("active")));
    assert_eq!((&listed[1]["id"], &listed[1]["status"]), (&created["id"], &json!("replaced")));
    revoke(&desk, &created);
    let trail = json_of(&desk, &["audit", "--organization", "acme"]);
    let actions = trail.as_array().unwrap().iter().map(|entry| text(entry, "action"));
    assert_eq!(Vec::from_iter(actions), ["token_revoked", "token_rotated", "token_issued"]);
    assert_absent(text(&rotated, "token"), format!("{listed}{trail}").as_bytes(), "a list");
}
