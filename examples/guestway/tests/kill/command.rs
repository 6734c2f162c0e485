//! A command that is killed is carried out as a whole or not at all.

use std::process::{Command, Stdio};
use std::time::Duration;

use dualkey::{OrganizationId, TokenStatus};
use serde_json::Value;

use crate::support::sandbox::{Sandbox, text};
use crate::{ONE_AT_A_TIME, below, issue};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_command_rotates_or_revokes_atomically() {
    let _guard = ONE_AT_A_TIME.lock().await;
    let sandbox = Sandbox::new();
    let registry = sandbox.registry().await;
    let acme = OrganizationId::new("acme");
    let (mut done, mut acknowledged) = (0, 0);
    for round in 0..60 {
        let (old, _) = issue(&registry, "acme").await;
        let verb = if round % 3 == 0 { "revoke" } else { "rotate" };
        let id = old.to_string();
        let command = ["token", verb, "--organization", "acme", &id, "--json"];
        let answer =
            answer_until_killed(&mut sandbox.command(&command), Duration::from_millis(below(20)));

        let tokens = registry.tokens(&acme).await.unwrap();
        let valid = tokens.iter().filter(|token| {
            (token.id == old || token.replaces == Some(old))
                && token.status(registry.clock().now()) == TokenStatus::Active
        });
        let valid = Vec::from_iter(valid.map(|token| token.id));
        match verb {
            "rotate" => assert_eq!(valid.len(), 1, "exactly one token works: {answer:?}"),
            _ => assert!(valid.is_empty() || valid == [old]),
        }
        let happened = valid != [old];
        assert!(happened || answer.is_none(), "{verb} was acknowledged: {answer:?}");
        done += usize::from(happened);
        acknowledged += usize::from(answer.is_some());
        if let Some(answer) = answer.filter(|_| verb == "rotate") {
            assert_eq!(text(&answer, "id"), valid[0].to_string());
        }
        for token in valid {
            registry.revoke_token(&acme, &token).await.unwrap();
        }
    }
    println!("of 60 killed commands, {done} were carried out and {acknowledged} acknowledged");
}

/// The JSON that a command printed before it was killed, if it was complete.
fn answer_until_killed(command: &mut Command, after: Duration) -> Option<Value> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let answer = child.wait_with_output().unwrap().stdout;
    serde_json::from_slice(&answer).ok()
}
