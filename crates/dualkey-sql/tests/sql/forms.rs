//! A form that is sent to several servers, and again after a restart, issues one token.

use dualkey_limit::{Clock as _, SystemClock};
use dualkey_store::{FormNonce, NewToken, RegistryError, TokenId};

use crate::support::{Database, on_both};

on_both!(a_form_sent_to_several_servers_issues_one_token);

async fn a_form_sent_to_several_servers_issues_one_token(database: Database) {
    for round in 0..5 {
        let nonce = FormNonce::random(SystemClock.now());
        let mut servers = Vec::new();
        for server in 0..4 {
            let registry = database.registry().await;
            let name = format!("server {server}, round {round}");
            let token = NewToken::new("acme", name, ["a:read"]).with_nonce(nonce);
            servers.push(tokio::spawn(async move { registry.issue_token(token).await }));
        }
        let (mut issued, mut done) = (Vec::<TokenId>::new(), Vec::new());
        for server in servers {
            match server.await.unwrap() {
                Ok(token) => issued.push(token.record.id),
                Err(RegistryError::AlreadyDone { token }) => done.push(token),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(issued.len(), 1, "{issued:?}");
        assert_eq!(done, [issued[0]; 3]);

        let restarted = database.registry().await;
        let token = NewToken::new("acme", "late", ["a:read"]).with_nonce(nonce);
        let again = restarted.issue_token(token).await;
        assert!(matches!(again, Err(RegistryError::AlreadyDone { token }) if token == issued[0]));
    }
    assert_eq!(database.count("dualkey_tokens").await, 5);
}
