//! State that outlives the server, and the requests that each start prints.

use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use dualkey::NewToken;
use guestway::Sessions;
use serde_json::json;
use tokio::task::block_in_place;

use super::{add_partner, call, json_of, partner, revoke, status, until};
use crate::support::client::{Call, Client};
use crate::support::sandbox::{Sandbox, text};

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_written_each_second_and_at_a_clean_stop() {
    let sandbox = Sandbox::new();
    let (program, client) = (sandbox.serve("info"), Client::http1());
    let api_key = add_partner(&sandbox);
    let token = block_in_place(|| sandbox.create_token("acme"));
    let call = call(&program, &api_key, &token);
    let used = || partner(&sandbox, &api_key)["used_today"].as_u64().unwrap();
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
    let listed = json_of(&sandbox, &["token", "list", "--organization", "acme"]);
    assert!(listed[0]["first_used"].is_string() && listed[0]["last_used"].is_string(), "{listed}");
    let idle = ["token", "idle", "--organization", "acme", "--since", "1h"];
    assert_eq!(json_of(&sandbox, &idle), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_tokens_partners_and_usage() {
    let sandbox = Sandbox::new();
    let client = Client::http1();
    let program = sandbox.serve("info");
    let limits = ["--rate", "1000", "--burst", "1000", "--daily", "5"];
    let added = json_of(&sandbox, &[&["partner", "add", "Tests"], &limits[..]].concat());
    let api_key = text(&added, "key");
    let [kept, revoked] = [(); 2].map(|()| block_in_place(|| sandbox.create_token("acme")));
    for _ in 0..3 {
        assert_eq!(status(&client, &call(&program, api_key, &kept)).await, 200);
    }
    revoke(&sandbox, &revoked);
    let lists = || {
        let partner = partner(&sandbox, api_key);
        (partner, json_of(&sandbox, &["token", "list", "--organization", "acme"]))
    };
    assert!(program.stop("INT").await.0.success());
    let before = lists();
    let program = sandbox.serve("info");
    assert_eq!(lists(), before);
    assert_eq!(status(&client, &call(&program, api_key, &revoked)).await, 401);
    for expected in [200, 200, 429] {
        assert_eq!(status(&client, &call(&program, api_key, &kept)).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_prints_working_requests_and_keeps_one_token() {
    let sandbox = Sandbox::new();
    let client = Client::http1();
    let own = ["token", "create", "--organization", "harbour-stays", "--name", "Demonstration"];
    let own = json_of(&sandbox, &[&own[..], &["--scope", "full:read"]].concat());
    let mut earlier: Option<Call> = None;
    for _ in 0..3 {
        let program = sandbox.serve("info");
        for call in &program.calls {
            assert_eq!(status(&client, call).await, 200);
        }
        let printed = program.calls[0].clone();
        if let Some(earlier) = earlier.replace(printed.clone()) {
            assert_eq!(earlier.api_key, printed.api_key);
            let earlier = Call { url: printed.url, ..earlier };
            assert_eq!(status(&client, &earlier).await, 401);
        }
        let tokens = json_of(&sandbox, &["token", "list", "--organization", "harbour-stays"]);
        let tokens = tokens.as_array().unwrap();
        assert_eq!((tokens.len(), &tokens[1]["id"]), (2, &own["id"]));
        assert!(tokens[0]["expires"].is_string(), "{}", tokens[0]);
    }
    assert_eq!(json_of(&sandbox, &["partner", "list"]).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_demonstration_token_it_still_serves() {
    let sandbox = Sandbox::new();
    let registry = sandbox.registry().await;
    for number in 0..100 {
        let token = NewToken::new("harbour-stays", format!("Tests {number}"), ["full:read"]);
        registry.issue_token(token).await.unwrap();
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = sandbox.command(&["serve", "--listen", &free.to_string()]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    until("it is served", async || TcpStream::connect(free).is_ok()).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_create_the_tables_once() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let url = format!("{}?mode=rwc", sandbox.database());
        let opened = (0..8).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Sessions::open(&url).await.map(|_| ()) })
        });
        for opened in opened.collect::<Vec<_>>() {
            opened.await.unwrap().unwrap();
        }
    }
}
