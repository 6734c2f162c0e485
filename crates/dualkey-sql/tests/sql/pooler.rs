//! Through Debian's pgbouncer, a store works in session mode, and is refused in the other modes.

use std::sync::Arc;

use dualkey_sql::{SqlError, SqlStore};

use crate::support::pgbouncer::Pgbouncer;
use crate::support::recorder::Recorder;
use crate::support::{Database, issue, registry, tolerant_options, wait_for_watermark};

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_shares_sessions_is_refused_at_the_start() {
    let database = Database::postgres();
    for mode in ["transaction", "statement"] {
        let pooler = Pgbouncer::start(&database, mode);
        for _ in 0..3 {
            let refused = SqlStore::connect(&pooler.address()).await.unwrap_err();
            assert!(matches!(refused, SqlError::SharedSessions), "{mode}: {refused:?}");
            assert!(refused.to_string().contains("session mode"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_pooler_that_shares_sessions_is_refused_too() {
    let database = Database::postgres();
    let pooler = Pgbouncer::start(&database, "transaction");
    let opening = (0..16).map(|_| {
        let address = pooler.address();
        tokio::spawn(async move { tolerant_options().connect(&address).await.unwrap_err() })
    });
    for opening in Vec::from_iter(opening) {
        let refused = opening.await.unwrap();
        assert!(matches!(refused, SqlError::SharedSessions), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_works_through_a_pooler_in_session_mode() {
    let database = Database::postgres();
    let pooler = Pgbouncer::start(&database, "session");
    let open =
        async || registry(Arc::new(tolerant_options().connect(&pooler.address()).await.unwrap()));
    let (here, there) = (open().await, open().await);
    let token = issue(&here, "acme").await.unwrap();
    wait_for_watermark(&there).await;
    let recorder = Recorder::subscribed_to(&**there.store());
    here.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
    recorder.received_token(&token.secret.digest()).await;
    assert!(there.tokens(&"acme".into()).await.unwrap().is_empty());
}
