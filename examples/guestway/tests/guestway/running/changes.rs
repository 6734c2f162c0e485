//! Changes by commands take effect in a running server.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::{add_partner, call, json_of, partner, revoke, status, until};
use crate::support::client::Client;
use crate::support::sandbox::{Sandbox, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_works_at_once_and_a_revoked_one_fails_soon() {
    let sandbox = Sandbox::new();
    let (program, client) = (sandbox.serve("info"), Client::http1());
    let api_key = add_partner(&sandbox);
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let token = block_in_place(|| sandbox.create_token("acme"));
        let call = call(&program, &api_key, &token);
        assert_eq!(status(&client, &call).await, 200);
        revoke(&sandbox, &token);
        let took = until("it is refused", async || status(&client, &call).await == 401).await;
        slowest = slowest.max(took);
    }
    println!("a revoked token was refused at most {slowest:?} after the command had ended");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_overlap_ends_only_the_successor_is_accepted() {
    let sandbox = Sandbox::new();
    let (program, client) = (sandbox.serve("info"), Client::http1());
    let api_key = add_partner(&sandbox);
    let old = block_in_place(|| sandbox.create_token("acme"));
    let old_call = call(&program, &api_key, &old);
    assert_eq!(status(&client, &old_call).await, 200);

    let rotate = ["token", "rotate", "--organization", "acme", text(&old, "id")];
    let began = Instant::now();
    let new = json_of(&sandbox, &[&rotate[..], &["--overlap", "3s"]].concat());
    let new_call = call(&program, &api_key, &new);
    assert_eq!(status(&client, &new_call).await, 200);
    assert!(status(&client, &old_call).await == 200 || began.elapsed() > Duration::from_secs(3));
    until("the old one is refused", async || status(&client, &old_call).await == 401).await;
    assert!(began.elapsed() > Duration::from_secs(3));
    assert_eq!(status(&client, &new_call).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn partner_changes_take_effect_in_a_running_server() {
    let sandbox = Sandbox::new();
    let (program, client) = (sandbox.serve("info"), Client::http1());
    let api_key = add_partner(&sandbox);
    let token = block_in_place(|| sandbox.create_token("acme"));
    let call = call(&program, &api_key, &token);
    assert_eq!(status(&client, &call).await, 200);
    json_of(&sandbox, &["partner", "disable", &api_key]);
    until("it is disabled", async || status(&client, &call).await == 401).await;
    json_of(&sandbox, &["partner", "enable", &api_key]);
    until("it is enabled", async || status(&client, &call).await == 200).await;
    json_of(&sandbox, &["partner", "limits", &api_key, "--daily", "1"]);
    until("its day is used up", async || status(&client, &call).await == 429).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_which_partner_used_a_token_last() {
    let sandbox = Sandbox::new();
    let (program, client) = (sandbox.serve("info"), Client::http1());
    let api_key = add_partner(&sandbox);
    let token = block_in_place(|| sandbox.create_token("acme"));
    assert_eq!(status(&client, &call(&program, &api_key, &token)).await, 200);
    let list = ["token", "list", "--organization", "acme"];
    let id = partner(&sandbox, &api_key)["id"].clone();
    until("it is written", async || json_of(&sandbox, &list)[0]["last_used_by"] == id).await;
    let table = block_in_place(|| sandbox.run(&list)).stdout;
    let [headings, row] = Vec::from_iter(table.lines()).try_into().unwrap();
    let at = headings.find("LAST USED BY").unwrap();
    assert!(row[at..].starts_with("Tests "), "{table}");
}
